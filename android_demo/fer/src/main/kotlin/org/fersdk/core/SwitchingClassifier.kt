package org.fersdk.core

/**
 * A classifier that moves to another one, once and never without a word, when the first cannot be
 * opened, fails or answers with numbers that are not finite, as float16 GPUs may.
 *
 * @param first opens what is wanted, such as a float model on the GPU.
 * @param second opens what always works, such as the int8 model on the CPU.
 * @param report is told why, in one line, before the second is used.
 */
class SwitchingClassifier(
    first: () -> ExpressionClassifier,
    private val second: () -> ExpressionClassifier,
    private val report: (String) -> Unit,
) : AutoCloseable {
    private var current: ExpressionClassifier
    private var switched = false

    /** The classifier in use. */
    val classifier: ExpressionClassifier get() = current

    init {
        current = try {
            first()
        } catch (error: EngineException) {
            open(error)
        }
    }

    fun classify(input: ByteArray, expression: Expression) {
        try {
            current.classify(input, expression)
        } catch (error: EngineException) {
            if (switched) throw error
            val told = current.bundle
            current.close()
            current = open(error)
            val next = current.bundle
            if (next.labels != told.labels || next.input != told.input) {
                throw BundleException("${next.model} cannot stand in for ${told.model}: other labels or input")
            }
            current.classify(input, expression)
        }
    }

    override fun close() = current.close()

    private fun open(error: EngineException): ExpressionClassifier {
        switched = true
        val next = second()
        report("${error.message}; going on with ${next.bundle.model} on ${next.place}")
        return next
    }
}
