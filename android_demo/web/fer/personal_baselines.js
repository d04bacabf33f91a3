// The JavaScript implementation of fer_sdk/video/personal_baselines.py: the baseline of each tracked face,
// and its change from it; in memory only.

import { BaselineCollector, ChangeTracker, MIN_FACES } from "./baseline.js";

/** Longest time in seconds over which a baseline is measured. */
export const MAX_SECONDS = 60;

/** Measures or holds the baseline of each face. */
export class PersonalBaselines {
  /**
   * Start without a face.
   *
   * @param {string[]} labels All labels of the model.
   * @param {object} settings Replaces values of `CHANGES`.
   */
  constructor(labels, settings = {}) {
    this.labels = labels;
    this.settings = settings;
    this.seconds = undefined;
    this.measurements = new Map();
    this.trackers = new Map();
  }

  /**
   * Measure all faces, and new ones when they appear, from the next frame on.
   *
   * @param {number} seconds Duration from the first suitable frame of each face; above 0, at most 60.
   * @throws {Error} If the duration is out of range or the model has no label "neutral".
   */
  measure(seconds) {
    if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
      throw new Error(
        `a baseline takes more than 0 and at most ${MAX_SECONDS} s, but ${seconds} s are wanted`);
    }
    new ChangeTracker(new BaselineCollector(this.labels), this.settings); // both check the labels
    this.seconds = seconds;
    this.measurements.clear();
    this.trackers.clear();
  }

  /** Forget the faces whose track has ended. */
  keep(ids) {
    for (const map of [this.measurements, this.trackers]) {
      for (const id of map.keys()) if (!ids.includes(id)) map.delete(id);
    }
  }

  /**
   * Add a face of a frame.
   *
   * @param {number} id Of its track.
   * @param {number[]} probabilities Of this frame alone.
   * @param {object} quality As `faceQuality` returns it.
   * @param {number} timeS Time of the frame in seconds.
   * @returns {{change: number[] | null, changed_to: string | null, baseline: object | null,
   *   measuring: {left_s: number, faces: number} | null}} `measuring` until the baseline is there.
   */
  update(id, probabilities, quality, timeS) {
    const tracker = this.trackers.get(id) ?? this.newTracker(id, probabilities, quality, timeS);
    if (tracker) {
      tracker.update(probabilities, timeS, tracker.suits(quality));
      const { change, changedTo: changed_to, baseline } = tracker;
      return { change, changed_to, baseline, measuring: null };
    }
    const measurement = this.measurements.get(id);
    const measuring = measurement && {
      left_s: Math.max(0, this.seconds - (timeS - Math.min(measurement.firstS, timeS))),
      faces: measurement.collector.faces,
    };
    return { change: null, changed_to: null, baseline: null, measuring: measuring ?? null };
  }

  newTracker(id, probabilities, quality, timeS) {
    if (this.seconds === undefined) return undefined;
    let measurement = this.measurements.get(id);
    if (!measurement) {
      measurement = { collector: new BaselineCollector(this.labels), firstS: Infinity };
      this.measurements.set(id, measurement);
    }
    const { collector } = measurement;
    if (collector.add(probabilities, quality)) {
      measurement.firstS = Math.min(measurement.firstS, timeS);
    }
    if (!(timeS - measurement.firstS >= this.seconds && collector.faces >= MIN_FACES)) return undefined;
    this.measurements.delete(id);
    const tracker = new ChangeTracker(collector.baseline(), this.settings);
    this.trackers.set(id, tracker);
    return tracker;
  }
}
