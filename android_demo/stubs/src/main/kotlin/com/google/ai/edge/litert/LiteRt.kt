package com.google.ai.edge.litert

import android.content.Context
import android.content.res.AssetManager

private fun stub(): Nothing = throw UnsatisfiedLinkError("this build contains a stub of LiteRT")

enum class Accelerator { NONE, CPU, GPU, NPU }

class LiteRtException(message: String) : Exception(message)

class TensorBuffer internal constructor() : AutoCloseable {
    internal var values = FloatArray(0)

    fun writeFloat(data: FloatArray) {
        values = data.copyOf()
    }

    fun writeInt8(data: ByteArray): Unit = stub()

    fun readFloat(): FloatArray = values.copyOf()

    fun readInt8(): ByteArray = stub()

    override fun close() = Unit
}

class Environment private constructor() : AutoCloseable {
    enum class Option { CompilerPluginLibraryDir, DispatchLibraryDir }

    override fun close(): Unit = stub()

    companion object {
        @JvmStatic
        @JvmOverloads
        @Suppress("UNUSED_PARAMETER")
        fun create(context: Context, options: Map<Option, String> = mapOf()): Environment = Environment()
    }
}

class CompiledModel private constructor(
    private val compute: (FloatArray) -> FloatArray
) : AutoCloseable {
    data class CpuOptions(
        val numThreads: Int? = null,
        val xnnPackFlags: Int? = null,
        val xnnPackWeightCachePath: String? = null,
    )

    data class GpuOptions(
        val constantTensorSharing: Boolean? = null,
        val infiniteFloatCapping: Boolean? = null,
        val allowSrcQuantizedFcConvOps: Boolean? = null,
        val precision: Precision? = null,
    ) {
        enum class Precision { DEFAULT, FP16, FP32 }
    }

    class Options(vararg accelerators: Accelerator) {
        val accelerators: List<Accelerator> = accelerators.asList()
        var cpuOptions: CpuOptions? = null
        var gpuOptions: GpuOptions? = null
    }

    @JvmOverloads
    @Suppress("UNUSED_PARAMETER")
    fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = listOf(TensorBuffer())

    @JvmOverloads
    @Suppress("UNUSED_PARAMETER")
    fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = listOf(TensorBuffer())

    @JvmOverloads
    @Suppress("UNUSED_PARAMETER")
    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signatureIndex: Int = 0) {
        outputs[0].values = compute(inputs[0].values)
    }

    override fun close() {
        stubOpen--
    }

    companion object {
        /** Tests set this to a function that returns what a model computes; without it, none can be loaded. */
        @JvmStatic var stubModel: ((Options) -> (FloatArray) -> FloatArray)? = null

        /** Number of models that were created and not closed. */
        @JvmStatic var stubOpen = 0

        @JvmStatic
        @JvmOverloads
        @Suppress("UNUSED_PARAMETER")
        fun create(
            assetManager: AssetManager, assetName: String, options: Options = Options(Accelerator.CPU),
            optionalEnv: Environment? = null,
        ): CompiledModel = CompiledModel((stubModel ?: stub())(options)).also { stubOpen++ }
    }
}
