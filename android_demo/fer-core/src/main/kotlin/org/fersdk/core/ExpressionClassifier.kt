package org.fersdk.core

import kotlin.math.exp

/** Expression of one face; overwritten by each call of [ExpressionClassifier.classify]. */
class Expression(val labels: List<String>) {
    /** One for each of [labels], sum 1. */
    val probabilities = DoubleArray(labels.size)

    /** Index of the most probable label. */
    var best = 0
        internal set

    /** Whether the confidence is below the model's threshold. */
    var uncertain = false
        internal set

    val label: String get() = labels[best]

    /** Probability of [label], 0 to 1, after temperature scaling. */
    val confidence: Double get() = probabilities[best]
}

/**
 * Classifies face crops with one model in one runtime.
 *
 * @property prior expected class frequencies: `bundle.prior("everyday")`, for example.
 */
class ExpressionClassifier(
    val bundle: ModelBundle,
    private val engine: Engine,
    val prior: Prior = bundle.prior(),
) : AutoCloseable {
    /** Runtime and device that the model runs on, for display. */
    val place: String get() = engine.place
    private val pixels = FloatArray(bundle.input.height * bundle.input.width)
    private val logits = FloatArray(bundle.labels.size)
    private val outputs = listOf(logits)

    init {
        val sides = engine.inputShape.filter { it != 1 }
        val stated = listOf(bundle.input.height, bundle.input.width)
        if (sides != stated || engine.outputSizes != listOf(bundle.labels.size)) {
            engine.close()
            throw BundleException(
                "${bundle.model}'s sidecar states an input of $stated and ${bundle.labels.size} labels, " +
                    "but the model takes ${engine.inputShape} and gives ${engine.outputSizes}: " +
                    "the sidecar belongs to another model"
            )
        }
    }

    /**
     * Classifies one face.
     *
     * @param input height x width grey levels, as [Preprocessor] gives them.
     * @throws EngineException if the runtime fails or a logit is not finite.
     */
    fun classify(input: ByteArray, expression: Expression) {
        for (at in pixels.indices) pixels[at] = (input[at].toInt() and 0xFF).toFloat()
        engine.run(pixels, outputs)
        if (logits.any { !it.isFinite() }) {
            throw EngineException(
                "${engine.place}: the output of ${bundle.model} is not finite: ${logits.toList()}"
            )
        }
        softmax(expression)
    }

    override fun close() = engine.close()

    private fun softmax(expression: Expression) {
        val probabilities = expression.probabilities
        var largest = Double.NEGATIVE_INFINITY
        for (at in logits.indices) {
            probabilities[at] = (logits[at] + prior.offsets[at]) / prior.temperature
            largest = maxOf(largest, probabilities[at])
        }
        var sum = 0.0
        for (at in logits.indices) {
            probabilities[at] = exp(probabilities[at] - largest)
            sum += probabilities[at]
        }
        var best = 0
        for (at in probabilities.indices) {
            probabilities[at] /= sum
            if (probabilities[at] > probabilities[best]) best = at
        }
        expression.best = best
        expression.uncertain = probabilities[best] < bundle.uncertainBelow
    }
}
