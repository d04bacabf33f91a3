package org.fersdk.core

import kotlin.math.abs
import kotlin.math.ln
import kotlin.math.max

/** The label of a face at rest, which a baseline needs. */
const val NEUTRAL = "neutral"

/**
 * The log-odds of a person's resting face; valid for one model under one class prior.
 *
 * Twin of `fer_sdk.video.baseline.Baseline`, whose documentation has the formulas. It lives in memory
 * only: nothing in this library stores it. It describes a person's face: ask before you measure or
 * store it.
 *
 * @property labels all labels of the model.
 * @property logOdds natural logarithm of each label's probability divided by neutral's: a robust mean
 *   over the faces.
 * @property spread robust standard deviation of each label's log-odds; 0 for a single face.
 * @property faces number of suitable faces that it was computed from.
 * @property refused number of faces that were left out because of their quality.
 * @property sharpness median sharpness of the faces, see [FaceQuality].
 * @property model sha256 of the model file.
 * @property prior class prior of the probabilities.
 */
class Baseline(
    val labels: List<String>,
    val logOdds: DoubleArray,
    val spread: DoubleArray,
    val faces: Int,
    val refused: Int,
    val sharpness: Double,
    val model: String,
    val prior: Prior,
) {
    init {
        require(NEUTRAL in labels && logOdds.size == labels.size && spread.size == labels.size) {
            "a baseline needs the label $NEUTRAL, and log-odds and spread of each of $labels"
        }
    }

    /** One line for each reason to measure the baseline again; empty for a sure one. */
    val reasons: List<String> = buildList {
        if (faces < MIN_FACES) add("few: $faces ${if (faces == 1) "face" else "faces"}, under $MIN_FACES")
        for (label in MEASURED_LABELS) {
            val at = labels.indexOf(label)
            if (at < 0) continue
            if (spread[at] > MAX_SPREAD) {
                add("unsteady: log-odds of $label vary by %.2f, over %.2f".format(null, spread[at], MAX_SPREAD))
            }
            if (logOdds[at] > 0) add("$label rather than neutral: the face may not be at rest")
        }
    }

    /** Whether enough faces were measured, they agree, and they look more neutral than happy. */
    val sure: Boolean get() = reasons.isEmpty()

    /**
     * Checks that a classifier has the model and the prior of this baseline.
     *
     * @throws FerException if it has others: its log-odds are not comparable.
     */
    fun checkFits(classifier: ExpressionClassifier) {
        val bundle = classifier.bundle
        val other = when {
            model != bundle.sha256 || labels != bundle.labels -> "model"
            !prior.offsets.contentEquals(classifier.prior.offsets) ||
                prior.temperature != classifier.prior.temperature -> "prior"
            else -> return
        }
        throw FerException(
            "the baseline was measured with another $other than that of ${bundle.model}: measure it again"
        )
    }

    companion object {
        /** Fewer faces say nothing about how much the face's log-odds vary. */
        const val MIN_FACES = 5

        /** With a larger spread, changes of a resting face come close to the threshold. */
        const val MAX_SPREAD = 1.0

        /** Labels for which the threshold was measured (docs/results/baseline.md). */
        val MEASURED_LABELS = listOf("happy")

        /** Probabilities below this value count as this value. */
        const val LEAST_PROBABILITY = 1e-6

        /** Standard deviation of a normal distribution divided by its median absolute deviation. */
        private const val DEVIATION = 1.4826

        /** Writes the logarithm of each probability divided by that of the label [rest] to [odds]. */
        internal fun logOdds(probabilities: DoubleArray, rest: Int, odds: DoubleArray) {
            val neutral = ln(max(probabilities[rest], LEAST_PROBABILITY))
            for (at in odds.indices) odds[at] = ln(max(probabilities[at], LEAST_PROBABILITY)) - neutral
        }

        /** Mean without the smallest and the largest quarter of the values. */
        internal fun interquartileMean(values: List<Double>): Double {
            val cut = values.size / 4
            return values.sorted().subList(cut, values.size - cut).average()
        }

        /** Robust standard deviation: 1.4826 times the median distance from the centre. */
        internal fun spread(values: List<Double>, centre: Double): Double =
            DEVIATION * median(values.map { abs(it - centre) })

        internal fun median(values: List<Double>): Double {
            val ordered = values.sorted()
            return (ordered[(ordered.size - 1) / 2] + ordered[ordered.size / 2]) / 2
        }
    }
}

/**
 * Collects the log-odds of a person's resting face.
 *
 * @throws FerException if the model has no label neutral.
 */
class BaselineCollector(private val bundle: ModelBundle, private val prior: Prior = bundle.prior()) {
    private val rest = bundle.labels.indexOf(NEUTRAL)
    private val rows = ArrayList<DoubleArray>()
    private val sharpness = ArrayList<Double>()
    private var firstReason = ""

    /** Number of suitable faces so far. */
    val faces: Int get() = rows.size

    /** Number of faces that were left out because of their quality. */
    var refused = 0
        private set

    init {
        if (rest < 0) {
            throw FerException(
                "${bundle.model} has no label $NEUTRAL, which a baseline needs: it has ${bundle.labels}"
            )
        }
    }

    /**
     * Adds a face; returns whether it is suitable.
     *
     * @param probabilities of this frame alone, one per label of the model.
     */
    fun add(probabilities: DoubleArray, quality: FaceQuality): Boolean {
        if (!quality.good) {
            refused++
            if (firstReason.isEmpty()) firstReason = quality.reasons.first()
            return false
        }
        rows.add(DoubleArray(bundle.labels.size).also { Baseline.logOdds(probabilities, rest, it) })
        sharpness.add(quality.sharpness)
        return true
    }

    /**
     * Returns the baseline of the faces so far.
     *
     * @throws FerException if there is no suitable one.
     */
    fun baseline(): Baseline {
        if (rows.isEmpty()) {
            throw FerException(
                if (refused == 0) "a baseline needs at least one face, but there is none"
                else "none of $refused faces is suitable for a baseline; the first is $firstReason"
            )
        }
        val columns = bundle.labels.indices.map { label -> rows.map { it[label] } }
        val centres = columns.map { Baseline.interquartileMean(it) }
        return Baseline(
            labels = bundle.labels,
            logOdds = centres.toDoubleArray(),
            spread = columns.zip(centres) { values, centre -> Baseline.spread(values, centre) }.toDoubleArray(),
            faces = rows.size,
            refused = refused,
            sharpness = Baseline.median(sharpness),
            model = bundle.sha256,
            prior = prior,
        )
    }
}
