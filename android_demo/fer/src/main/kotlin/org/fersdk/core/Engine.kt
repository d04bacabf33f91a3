package org.fersdk.core

/** A loaded model in one runtime. Buffers are made once; not for use from two threads. */
interface Engine : AutoCloseable {
    /** Where the model truly runs, for people to read: "LiteRT GPU", "ONNX Runtime CPU". */
    val place: String

    /** Shape of the input, batch included. */
    val inputShape: List<Int>

    /** Number of values of each output, in the order of [run]'s outputs. */
    val outputSizes: List<Int>

    /**
     * Runs the model once.
     *
     * @param input plain values in the input's order; pixels 0 to 255 for expression models.
     * @param outputs receive the outputs, dequantised, one array an output.
     * @throws EngineException if the engine is closed or the runtime fails.
     */
    fun run(input: FloatArray, outputs: List<FloatArray>)

    /** Frees the model; may be called twice. */
    override fun close()
}
