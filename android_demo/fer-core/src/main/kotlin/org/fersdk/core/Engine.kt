package org.fersdk.core

/** A loaded model in one runtime. Buffers are reused; not thread-safe. */
interface Engine : AutoCloseable {
    /** Runtime and device that the model runs on, for display: "LiteRT GPU", "ONNX Runtime CPU". */
    val place: String

    /** Shape of the input, batch included. */
    val inputShape: List<Int>

    /** Number of values of each output, in the order of [run]'s outputs. */
    val outputSizes: List<Int>

    /**
     * Runs the model once.
     *
     * @param input values in the order of the input tensor; pixels 0 to 255 for expression models.
     * @param outputs receive the dequantized outputs, one array per output.
     * @throws EngineException if the engine is closed or the runtime fails.
     */
    fun run(input: FloatArray, outputs: List<FloatArray>)

    /** Frees the model; may be called twice. */
    override fun close()
}
