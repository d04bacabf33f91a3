package org.fersdk.core

/**
 * A classifier with a fallback.
 *
 * The fallback replaces the first classifier permanently if that one cannot be opened, fails, or gives
 * output that is not finite, which can happen with float16 on GPUs. The switch is always reported.
 *
 * @param first opens the preferred classifier, for example a float model on the GPU.
 * @param second opens the fallback, for example the int8 model on the CPU.
 * @param report receives the reason in one line before the fallback is used.
 */
class SwitchingClassifier(
    first: () -> ExpressionClassifier,
    private val second: () -> ExpressionClassifier,
    private val report: (String) -> Unit,
) : AutoCloseable {
    private var current: ExpressionClassifier

    /** Whether the fallback is in use. */
    var switched = false
        private set

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
            val former = current.bundle
            current.close()
            current = open(error)
            val next = current.bundle
            if (next.labels != former.labels || next.input != former.input) {
                throw BundleException(
                    "${error.message}; ${next.model} cannot replace ${former.model}: labels or input differ"
                )
            }
            current.classify(input, expression)
        }
    }

    override fun close() = current.close()

    private fun open(error: EngineException): ExpressionClassifier {
        switched = true
        val next = try {
            second()
        } catch (other: FerException) {
            throw EngineException("${error.message}; no fallback: ${other.message}", error)
        }
        report("${error.message}; switched to ${next.bundle.model} on ${next.place}")
        return next
    }
}
