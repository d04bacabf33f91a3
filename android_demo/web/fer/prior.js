// Class priors: how frequent each expression is expected to be; see docs/guides/prior.md.
// Probabilities are softmax((logits + offsets) / temperature).

/** The class frequencies of the training data: offsets 0, the model's own temperature. */
export const TRAINING = "training";
/** All classes equally frequent. */
export const BALANCED = "balanced";

/**
 * Return the offsets and the temperature of a prior.
 *
 * @param {object} sidecar
 * @param {string | Object<string, number>} wanted Name of a prior, or a share for every label;
 *   by default the sidecar's default prior.
 * @throws {Error} If the model has no such prior, or the shares are incomplete or not positive.
 */
export function priorOf(sidecar, wanted = sidecar.default_prior ?? TRAINING) {
  const { labels, temperature, priors = {} } = sidecar;
  const named = (name) => {
    if (name === TRAINING) return { offsets: labels.map(() => 0), temperature };
    if (!Object.hasOwn(priors, name)) {
      throw new Error(`no prior "${name}": there are ${[...Object.keys(priors), TRAINING].join(", ")}`);
    }
    return priors[name];
  };
  if (typeof wanted === "string") return named(wanted);
  const balanced = named(BALANCED);
  const shares = labels.map((label) => wanted[label]);
  if (Object.keys(wanted).length !== labels.length
      || !shares.every((share) => share > 0 && Number.isFinite(share))) {
    throw new Error(`a prior must give a positive share for each of ${labels.join(", ")}`);
  }
  const total = shares.reduce((a, b) => a + b, 0);
  const offsets = shares.map((share, k) =>
    balanced.offsets[k] + balanced.temperature * Math.log(labels.length * share / total));
  return { offsets, temperature: balanced.temperature };
}
