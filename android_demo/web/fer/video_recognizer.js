// Follows the faces of a stream of frames: tracking, temporal smoothing, change from a resting face.
// Every frame is searched for faces, so `detect_every` of the Python SDK has no counterpart.

import { baselineReasons } from "./baseline.js";
import { PersonalBaselines } from "./personal_baselines.js";
import { Smoother } from "./smoother.js";
import { FaceTracker } from "./tracker.js";

/** Tracks the faces of one stream. */
export class VideoRecognizer {
  /**
   * Start without a face.
   *
   * @param {Recognizer} recognizer
   * @param {{tracking?: object, smoothing?: object, changes?: object}} settings Each replaces values of
   *   `TRACKING`, `SMOOTHING` or `CHANGES`.
   */
  constructor(recognizer, { tracking, smoothing, changes } = {}) {
    this.recognizer = recognizer;
    this.settings = { tracking, smoothing, changes };
    this.reset();
  }

  /** Forget all faces and baselines: the next frame is the first of a new stream. */
  reset() {
    const { tracking, smoothing, changes } = this.settings;
    new Smoother(smoothing); // checks the settings
    this.tracker = new FaceTracker(tracking);
    this.smoothers = new Map();
    this.baselines = new PersonalBaselines(this.recognizer.sidecar.labels, changes);
    this.lastS = -Infinity;
  }

  /**
   * Measure the resting face of everyone in the stream from the next frame on.
   *
   * @param {number} seconds Duration from the first suitable frame of each face; above 0, at most 60.
   */
  measureBaseline(seconds) {
    this.baselines.measure(seconds);
  }

  /**
   * Recognize the next frame.
   *
   * @param {{data, width, height}} image With RGBA bytes.
   * @param {number} timeS When the frame was taken, in seconds; not before the previous frame.
   * @returns {Promise<{faces: object[], ms: object}>} As `Recognizer.recognize`, of each tracked face in
   *   the order of ids, with smoothed label, confidence and probabilities.
   */
  async recognize(image, timeS) {
    if (!(timeS >= this.lastS && timeS < Infinity)) {
      throw new Error(`timeS must be finite and at least ${this.lastS}, but is ${timeS}`);
    }
    this.lastS = timeS;
    const { faces, ms } = await this.recognizer.recognize(image);
    const ids = this.tracker.update(faces.map((face) => face.box_xyxy), timeS);
    const active = this.tracker.tracks.map((track) => track.id);
    this.baselines.keep(active);
    for (const id of this.smoothers.keys()) if (!active.includes(id)) this.smoothers.delete(id);
    const tracked = faces
      .map((face, k) => ({ ...face, id: ids[k] }))
      .filter((face) => face.id !== null)
      .sort((a, b) => a.id - b.id)
      .map((face) => this.smoothed(face, timeS));
    return { faces: tracked, ms };
  }

  smoothed(face, timeS) {
    const { labels, uncertain_below } = this.recognizer.sidecar;
    if (!this.smoothers.has(face.id)) {
      this.smoothers.set(face.id, new Smoother(this.settings.smoothing));
    }
    const smoother = this.smoothers.get(face.id);
    smoother.update(face.probabilities, timeS);
    const confidence = smoother.probabilities[smoother.label];
    const { change, changed_to, baseline, measuring } =
      this.baselines.update(face.id, face.probabilities, face.quality, timeS);
    return {
      ...face,
      label: labels[smoother.label],
      confidence,
      uncertain: confidence < uncertain_below,
      probabilities: smoother.probabilities,
      raw_label: face.label,
      raw_probabilities: face.probabilities,
      change,
      changed_to,
      measuring,
      baseline: baseline && { ...baseline, reasons: baselineReasons(baseline) },
    };
  }
}
