// The JavaScript implementation of fer_sdk/video/baseline.py, whose docstring states the rules; all
// implementations are tested on tests/golden/baseline.json. A baseline lives in memory only.

import { weightOf } from "./smoother.js";

/** The label of a resting face. */
export const NEUTRAL = "neutral";
/** Labels for which the threshold was measured (docs/results/baseline.md). */
export const MEASURED_LABELS = Object.freeze(["happy"]);
/** Fewer faces say nothing about how much the face's log-odds vary. */
export const MIN_FACES = 5;
/** With a larger spread, changes of a resting face come close to the threshold. */
export const MAX_SPREAD = 1;
/** Default settings, as Python's BaselineSettings. */
export const CHANGES = Object.freeze({
  /** Rise in log-odds from which on a label counts as a change. */
  threshold: 2,
  /** The change ends only below threshold - margin. */
  margin: 0.5,
  /** Seconds after which 63 % of a sudden change is visible; 0 disables smoothing. */
  time_constant_s: 0.15,
  /** Seconds for which the change is kept while the image of the face is unsuitable. */
  hold_s: 0.5,
  /** Labels that `changedTo` may name. */
  labels: MEASURED_LABELS,
  /** Least sharpness of a suitable face, as a share of the baseline's. */
  min_sharpness: 0.75,
});

const LEAST_PROBABILITY = 1e-6;
const DEVIATION = 1.4826; // a normal distribution's deviation divided by its median absolute deviation

/** Collects the log-odds of a person's resting face. */
export class BaselineCollector {
  /**
   * Start without a face.
   *
   * @param {string[]} labels All labels of the model, one of them "neutral".
   * @throws {Error} If there is no label "neutral".
   */
  constructor(labels) {
    if (!labels.includes(NEUTRAL)) {
      throw new Error(`a baseline needs a label neutral, but the model has ${labels.join(", ")}`);
    }
    this.labels = labels;
    this.rows = [];
    this.sharpness = [];
    this.refused = 0;
    this.firstReason = "";
  }

  /** Number of suitable faces so far. */
  get faces() {
    return this.rows.length;
  }

  /**
   * Add a face; returns whether it is suitable.
   *
   * @param {number[]} probabilities Of one frame, unsmoothed.
   * @param {{reasons: string[], sharpness: number}} quality As `faceQuality` returns it.
   */
  add(probabilities, quality) {
    if (quality.reasons.length) {
      this.refused += 1;
      this.firstReason ||= quality.reasons[0];
      return false;
    }
    this.rows.push(logOdds(probabilities, this.labels.indexOf(NEUTRAL)));
    this.sharpness.push(quality.sharpness);
    return true;
  }

  /**
   * Return the baseline of the faces so far.
   *
   * @returns {{labels: string[], log_odds: number[], spread: number[], faces: number, refused: number,
   *   sharpness: number}} Robust mean and deviation of each label's log-odds against neutral.
   * @throws {Error} If there is no suitable face.
   */
  baseline() {
    if (!this.rows.length) {
      throw new Error(this.refused
        ? `none of ${this.refused} faces is suitable for a baseline; the first is ${this.firstReason}`
        : "a baseline needs at least one face, but there is none");
    }
    const columns = this.labels.map((_, k) => this.rows.map((row) => row[k]));
    const centres = columns.map(interquartileMean);
    return {
      labels: this.labels,
      log_odds: centres,
      spread: columns.map((column, k) =>
        DEVIATION * median(column.map((value) => Math.abs(value - centres[k])))),
      faces: this.rows.length,
      refused: this.refused,
      sharpness: median(this.sharpness),
    };
  }
}

/** Return one line for each reason to measure a baseline again; empty for a sure one. */
export function baselineReasons({ labels, log_odds, spread, faces }) {
  const reasons = [];
  if (faces < MIN_FACES) {
    reasons.push(`few: ${faces} ${faces === 1 ? "face" : "faces"}, under ${MIN_FACES}`);
  }
  for (const label of MEASURED_LABELS.filter((name) => labels.includes(name))) {
    const k = labels.indexOf(label);
    if (spread[k] > MAX_SPREAD) {
      reasons.push(`unsteady: log-odds of ${label} vary by ${spread[k].toFixed(2)}, `
        + `over ${MAX_SPREAD.toFixed(2)}`);
    }
    if (log_odds[k] > 0) {
      reasons.push(`${label} rather than neutral: the face may not be at rest`);
    }
  }
  return reasons;
}

/** Follows the change of one face from a baseline over time. */
export class ChangeTracker {
  /**
   * Start without a face.
   *
   * @param {{labels: string[], log_odds: number[], sharpness: number}} baseline
   * @param {object} settings Replaces values of `CHANGES`.
   * @throws {Error} If a value is out of range, or a label is none of the baseline's.
   */
  constructor(baseline, settings = {}) {
    this.settings = checked({ ...CHANGES, ...settings });
    const unknown = this.settings.labels.filter((label) => !baseline.labels.includes(label));
    if (unknown.length) {
      throw new Error(`the model has no label ${unknown[0]}: it has ${baseline.labels.join(", ")}`);
    }
    this.baseline = baseline;
    this.lastS = -Infinity;
    /** Smoothed rise of each label's log-odds; null before the first suitable face, and after `hold_s`
     * without one. */
    this.change = null;
    /** The label that the face changed to, or null. */
    this.changedTo = null;
  }

  /** Return whether the image of a face can be compared with the baseline. */
  suits({ reasons, sharpness }) {
    return !reasons.length && sharpness >= this.settings.min_sharpness * this.baseline.sharpness;
  }

  /**
   * Add the face of a frame.
   *
   * @param {number[]} probabilities Of this frame alone, in the order of the baseline's labels.
   * @param {number} timeS Time in seconds, not before that of the previous call.
   * @param {boolean} suitable Whether the image can be compared, see `suits`.
   */
  update(probabilities, timeS, suitable) {
    const { hold_s, time_constant_s } = this.settings;
    const passedS = timeS - this.lastS;
    if (passedS > hold_s) this.change = this.changedTo = null;
    if (!suitable) return;
    const { labels, log_odds } = this.baseline;
    const rise = logOdds(probabilities, labels.indexOf(NEUTRAL)).map((x, k) => x - log_odds[k]);
    const weight = weightOf(passedS, time_constant_s);
    this.change = this.change ? this.change.map((d, k) => d + weight * (rise[k] - d)) : rise;
    this.changedTo = this.decide();
    this.lastS = timeS;
  }

  decide() {
    const { threshold, margin, labels } = this.settings;
    const rise = (label) => this.change[this.baseline.labels.indexOf(label)];
    const best = labels.reduce((a, b) => (rise(b) > rise(a) ? b : a));
    const present = this.changedTo;
    if (present !== null && rise(present) > threshold - margin) {
      return rise(best) > rise(present) + margin ? best : present;
    }
    return rise(best) > threshold ? best : null;
  }
}

function checked(settings) {
  const { threshold, margin, labels, min_sharpness } = settings;
  if (!(threshold > 0 && threshold < Infinity)) {
    throw new Error(`threshold must be above 0, but is ${threshold}`);
  }
  if (!(margin >= 0 && margin < threshold)) {
    throw new Error(`margin must be from 0 to below the threshold, but is ${margin}`);
  }
  for (const name of ["time_constant_s", "hold_s"]) {
    if (!(settings[name] >= 0 && settings[name] < Infinity)) {
      throw new Error(`${name} must be 0 or more seconds, but is ${settings[name]}`);
    }
  }
  if (!(min_sharpness >= 0 && min_sharpness <= 1)) {
    throw new Error(`min_sharpness must be from 0 to 1, but is ${min_sharpness}`);
  }
  if (!labels.length || labels.includes(NEUTRAL)) {
    throw new Error(`labels must be at least one label other than neutral, but are [${labels.join(", ")}]`);
  }
  return settings;
}

/** Return the natural logarithm of each probability divided by that of the label `rest`. */
export function logOdds(probabilities, rest) {
  const logs = Array.from(probabilities, (p) => Math.log(Math.max(p, LEAST_PROBABILITY)));
  return logs.map((value) => value - logs[rest]);
}

/** Return the mean without the smallest and the largest quarter of the values. */
function interquartileMean(values) {
  const ordered = [...values].sort((a, b) => a - b);
  const cut = Math.floor(ordered.length / 4);
  const kept = ordered.slice(cut, ordered.length - cut);
  return kept.reduce((a, b) => a + b, 0) / kept.length;
}

/** Return the middle value, or the mean of the middle two. */
function median(values) {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}
