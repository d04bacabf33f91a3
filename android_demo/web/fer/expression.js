// Label and calibrated probabilities of a classifier's output.

import { priorOf } from "./prior.js";
import { indexOfLargest } from "./smoother.js";

/**
 * Return the label and the calibrated probabilities of logits under a class prior.
 *
 * @param {Float32Array | number[]} logits One for each label.
 * @param {{labels: string[], uncertain_below: number}} sidecar
 * @param {{offsets: number[], temperature: number}} prior
 * @returns {{label: string, confidence: number, uncertain: boolean, probabilities: number[]}}
 * @throws {Error} If the output is not finite.
 */
export function expressionOf(logits, sidecar, prior = priorOf(sidecar)) {
  const { labels, uncertain_below } = sidecar;
  const scaled = Array.from(logits, (logit, k) => (logit + prior.offsets[k]) / prior.temperature);
  const highest = Math.max(...scaled);
  const powers = scaled.map((number) => Math.exp(number - highest));
  const sum = powers.reduce((a, b) => a + b, 0);
  if (!Number.isFinite(sum)) {
    throw new Error("the classifier's output is not finite: choose another accelerator");
  }
  const probabilities = powers.map((power) => power / sum);
  const best = indexOfLargest(probabilities);
  const confidence = probabilities[best];
  return {
    label: labels[best], confidence, uncertain: confidence < uncertain_below, probabilities,
  };
}
