// The JavaScript implementation of fer_sdk/video/smoother.py, whose docstring states the rules; all
// implementations are tested on tests/golden/smoothing.json.

/** Default settings, as Python's SmoothingSettings. */
export const SMOOTHING = Object.freeze({
  /** Seconds after which 63 % of a sudden change is visible; 0 disables smoothing. */
  time_constant_s: 0.3,
  /** Least lead in probability, 0 to 1, with which another label replaces the current one. */
  margin: 0.05,
});

/** Smooths the probabilities and the label of one face. */
export class Smoother {
  /**
   * Start without a frame.
   *
   * @param {object} settings Replaces values of `SMOOTHING`.
   * @throws {Error} If a value is out of range.
   */
  constructor(settings = {}) {
    this.settings = { ...SMOOTHING, ...settings };
    const { time_constant_s, margin } = this.settings;
    if (!(time_constant_s >= 0 && time_constant_s < Infinity)) {
      throw new Error(`time_constant_s must be 0 or more seconds, but is ${time_constant_s}`);
    }
    if (!(margin >= 0 && margin < 1)) {
      throw new Error(`margin must be from 0 to below 1, but is ${margin}`);
    }
    /** Smoothed probabilities; undefined before the first `update`. */
    this.probabilities = undefined;
    /** Index of the smoothed label; -1 before the first `update`. */
    this.label = -1;
    this.timeS = 0;
  }

  /**
   * Add the probabilities of a frame.
   *
   * @param {number[]} probabilities One for each label, 0 to 1.
   * @param {number} timeS Time in seconds, not before that of the previous call.
   * @throws {Error} If the time decreases or the number of probabilities changes.
   */
  update(probabilities, timeS) {
    if (!this.probabilities) {
      this.probabilities = [...probabilities];
      this.label = indexOfLargest(this.probabilities);
    } else if (probabilities.length !== this.probabilities.length) {
      throw new Error(
        `expected ${this.probabilities.length} probabilities, but got ${probabilities.length}`);
    } else if (timeS < this.timeS) {
      throw new Error(`times must not decrease, but ${timeS} s follows ${this.timeS} s`);
    } else {
      const weight = weightOf(timeS - this.timeS, this.settings.time_constant_s);
      this.probabilities = this.probabilities.map((old, k) => old + weight * (probabilities[k] - old));
      const best = indexOfLargest(this.probabilities);
      if (this.probabilities[best] - this.probabilities[this.label] > this.settings.margin) {
        this.label = best;
      }
    }
    this.timeS = timeS;
  }
}

/** Return the weight of a new value after some seconds: 1 - exp(-seconds / constant), 1 for constant 0. */
export function weightOf(seconds, constant) {
  return constant ? 1 - Math.exp(-seconds / constant) : 1;
}

/** Return the index of the largest value, the first one if tied. */
export function indexOfLargest(values) {
  return values.reduce((best, value, k) => (value > values[best] ? k : best), 0);
}
