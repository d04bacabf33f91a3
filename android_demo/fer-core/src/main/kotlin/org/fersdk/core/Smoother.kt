package org.fersdk.core

import kotlin.math.exp

/**
 * How quickly the shown expression follows the frames. The defaults are the Python SDK's.
 *
 * @property timeConstantS time constant in seconds: 63 % of a sudden change is visible after this
 *   time; 0 disables smoothing.
 * @property margin the shown label changes only if another label's probability is greater by more
 *   than this margin, 0 to 1.
 */
data class SmoothingSettings(val timeConstantS: Double = 0.3, val margin: Double = 0.05) {
    init {
        require(timeConstantS >= 0 && timeConstantS.isFinite()) {
            "timeConstantS must be 0 or more seconds, but is $timeConstantS"
        }
        require(margin >= 0 && margin < 1) { "margin must be from 0 to below 1, but is $margin" }
    }
}

/** Smooths one face's probabilities over time, with the algorithm of `fer_sdk.video.smoother`. */
class Smoother(labels: Int, private val settings: SmoothingSettings = SmoothingSettings()) {
    /** Smoothed probabilities, one per label. */
    val probabilities = DoubleArray(labels)

    /** Index of the shown label; -1 before the first [update]. */
    var label = -1
        private set
    private var timeS = 0.0

    /**
     * Adds one frame.
     *
     * @param frame probabilities of the frame, one per label.
     * @param timeS time of the frame in seconds, not before that of the last frame.
     */
    fun update(frame: DoubleArray, timeS: Double) {
        require(frame.size == probabilities.size) {
            "expected ${probabilities.size} probabilities, but got ${frame.size}"
        }
        require(label < 0 || timeS >= this.timeS) {
            "timeS must not decrease, but is $timeS after ${this.timeS}"
        }
        if (label < 0) {
            frame.copyInto(probabilities)
            label = largest()
        } else {
            val constant = settings.timeConstantS
            val weight = if (constant > 0) 1.0 - exp((this.timeS - timeS) / constant) else 1.0
            for (at in frame.indices) probabilities[at] += weight * (frame[at] - probabilities[at])
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
