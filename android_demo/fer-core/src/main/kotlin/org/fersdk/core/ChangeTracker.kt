package org.fersdk.core

import kotlin.math.exp

/**
 * When an expression counts as a change from the person's own neutral. The defaults are the Python SDK's.
 *
 * @property threshold rise in log-odds from which on a label counts as a change; above 0.
 * @property margin the change ends only below threshold - margin; from 0 to below [threshold].
 * @property timeConstantS seconds after which 63 % of a sudden change is visible; 0 disables smoothing.
 * @property holdS seconds for which the change is kept while the image of the face is unsuitable.
 * @property labels labels that [ChangeTracker.changedTo] may name. The default threshold was measured
 *   for "happy" only; [ChangeTracker.change] has all labels.
 * @property minSharpness least sharpness of a suitable face, as a share of the baseline's: blur makes
 *   some faces look happier.
 */
data class BaselineSettings(
    val threshold: Double = 2.0,
    val margin: Double = 0.5,
    val timeConstantS: Double = 0.15,
    val holdS: Double = 0.5,
    val labels: List<String> = Baseline.MEASURED_LABELS,
    val minSharpness: Double = 0.75,
) {
    init {
        require(threshold > 0 && threshold.isFinite()) { "threshold must be above 0, but is $threshold" }
        require(margin >= 0 && margin < threshold) {
            "margin must be from 0 to below the threshold, but is $margin"
        }
        for ((name, seconds) in listOf("timeConstantS" to timeConstantS, "holdS" to holdS)) {
            require(seconds >= 0 && seconds.isFinite()) { "$name must be 0 or more seconds, but is $seconds" }
        }
        require(minSharpness in 0.0..1.0) { "minSharpness must be from 0 to 1, but is $minSharpness" }
        require(labels.isNotEmpty() && NEUTRAL !in labels) {
            "labels must be at least one label other than neutral, but are $labels"
        }
    }
}

/**
 * Follows the change of one face from a baseline over time, as `fer_sdk.video.baseline` does.
 *
 * @throws FerException if a label of the settings is none of the baseline's.
 */
class ChangeTracker(val baseline: Baseline, private val settings: BaselineSettings = BaselineSettings()) {
    private val rest = baseline.labels.indexOf(NEUTRAL)
    private val places = IntArray(settings.labels.size) { number ->
        baseline.labels.indexOf(settings.labels[number]).also {
            if (it < 0) throw unknownLabel(settings.labels[number], baseline.labels)
        }
    }
    private val rise = DoubleArray(baseline.labels.size)
    private val odds = DoubleArray(baseline.labels.size)
    private var known = false
    private var lastS = Double.NEGATIVE_INFINITY
    private var present = NONE

    /**
     * Smoothed rise of each label's log-odds, overwritten by [update]; null before the first suitable
     * face, and after `holdS` without one.
     */
    val change: DoubleArray? get() = if (known) rise else null

    /** The label that the face changed to, or null. */
    val changedTo: String? get() = if (present == NONE) null else baseline.labels[present]

    /** Returns whether the image of a face can be compared with the baseline. */
    fun suits(quality: FaceQuality): Boolean =
        quality.good && quality.sharpness >= settings.minSharpness * baseline.sharpness

    /**
     * Adds the face of a frame.
     *
     * @param probabilities one per label of the baseline, of this frame alone.
     * @param timeS time in seconds, not before that of the previous call.
     * @param suitable whether the image of the face can be compared, see [suits].
     */
    fun update(probabilities: DoubleArray, timeS: Double, suitable: Boolean) {
        val passedS = timeS - lastS
        if (passedS > settings.holdS) {
            known = false
            present = NONE
        }
        if (!suitable) return
        val constant = settings.timeConstantS
        val weight = if (known && constant > 0) 1.0 - exp(-passedS / constant) else 1.0
        Baseline.logOdds(probabilities, rest, odds)
        for (at in rise.indices) {
            val now = odds[at] - baseline.logOdds[at]
            rise[at] = if (weight < 1.0) rise[at] + weight * (now - rise[at]) else now
        }
        known = true
        present = decide()
        lastS = timeS
    }

    private fun decide(): Int {
        var best = places[0]
        for (place in places) if (rise[place] > rise[best]) best = place
        if (present != NONE && rise[present] > settings.threshold - settings.margin) {
            return if (rise[best] > rise[present] + settings.margin) best else present
        }
        return if (rise[best] > settings.threshold) best else NONE
    }

    internal companion object {
        private const val NONE = -1

        fun unknownLabel(label: String, labels: List<String>) =
            FerException("the model has no label $label: it has ${labels.joinToString()}")
    }
}
