package org.fersdk.core

import kotlin.math.exp

/**
 * How quickly a shown expression follows what is seen; defaults are the Python SDK's.
 *
 * @property timeConstantS seconds after which a sudden change has come through by 63 %; 0 shows each
 *   frame's own probabilities.
 * @property margin by how much another label must be more probable than the shown one, 0 to 1.
 */
data class SmoothingSettings(val timeConstantS: Double = 0.3, val margin: Double = 0.1) {
    init {
        require(timeConstantS >= 0 && timeConstantS.isFinite()) {
            "timeConstantS must be 0 or more seconds, but is $timeConstantS"
        }
        require(margin >= 0 && margin < 1) { "margin must be from 0 to below 1, but is $margin" }
    }
}

/** Smooths one face's probabilities and keeps its label steady, as `fer_sdk.video.smoother`. */
class Smoother(labels: Int, private val settings: SmoothingSettings = SmoothingSettings()) {
    /** Smoothed, one a label. */
    val probabilities = DoubleArray(labels)

    /** Number of the shown label; -1 before the first [update]. */
    var label = -1
        private set
    private var timeS = 0.0

    /** Takes in what was seen at a time, in seconds, not before the last one. */
    fun update(seen: DoubleArray, timeS: Double) {
        require(seen.size == probabilities.size) {
            "expected ${probabilities.size} probabilities, but got ${seen.size}"
        }
        require(label < 0 || timeS >= this.timeS) {
            "time runs backwards: $timeS s came after ${this.timeS} s"
        }
        if (label < 0) {
            seen.copyInto(probabilities)
            label = largest()
        } else {
            val constant = settings.timeConstantS
            val weight = if (constant > 0) 1.0 - exp((this.timeS - timeS) / constant) else 1.0
            for (at in seen.indices) probabilities[at] += weight * (seen[at] - probabilities[at])
            val best = largest()
            if (probabilities[best] - probabilities[label] > settings.margin) label = best
        }
        this.timeS = timeS
    }

    private fun largest(): Int {
        var best = 0
        for (at in probabilities.indices) if (probabilities[at] > probabilities[best]) best = at
        return best
    }
}
