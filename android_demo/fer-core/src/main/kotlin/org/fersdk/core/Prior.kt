package org.fersdk.core

import kotlin.math.ln

/**
 * Constants that move a model's logits to a class prior: softmax((logits + offsets) / temperature).
 *
 * @property offsets added to the logits, one for each label.
 * @property temperature divides the sum, above 0.
 */
class Prior(val offsets: DoubleArray, val temperature: Double) {
    companion object {
        /** The class frequencies of the training data: offsets 0, the model's own temperature. */
        const val TRAINING = "training"

        /** All classes equally frequent. */
        const val BALANCED = "balanced"

        /**
         * Returns the prior under which each label has a given share of the faces.
         *
         * @param balanced the model's prior for equal shares.
         * @param labels the model's labels, in the order of its logits.
         * @param shares expected share of every label, positive; normalized to a sum of 1.
         * @throws FerException if a label is missing or unknown, or a share is not positive.
         */
        fun forShares(balanced: Prior, labels: List<String>, shares: Map<String, Double>): Prior {
            if (shares.keys != labels.toSet()) {
                throw FerException("a prior must give a share for each of $labels, but gives ${shares.keys}")
            }
            shares.entries.firstOrNull { !(it.value > 0 && it.value.isFinite()) }?.let {
                throw FerException("the share of ${it.key} must be a positive number, but is ${it.value}")
            }
            val total = shares.values.sum()
            val offsets = DoubleArray(labels.size) {
                val share = shares.getValue(labels[it]) / total
                balanced.offsets[it] + balanced.temperature * ln(labels.size * share)
            }
            return Prior(offsets, balanced.temperature)
        }
    }
}
