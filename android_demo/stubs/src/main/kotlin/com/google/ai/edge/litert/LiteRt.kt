package com.google.ai.edge.litert

import android.content.Context
import android.content.res.AssetManager

private fun stub(): Nothing = throw UnsatisfiedLinkError("this build contains a stub of LiteRT")

enum class Accelerator { NONE, CPU, GPU, NPU }

class LiteRtException(message: String) : Exception(message)

class TensorBuffer internal constructor() : AutoCloseable {
    fun writeFloat(data: FloatArray): Unit = stub()

    fun writeInt8(data: ByteArray): Unit = stub()

    fun readFloat(): FloatArray = stub()

    fun readInt8(): ByteArray = stub()

    override fun close(): Unit = stub()
}

class Environment private constructor() : AutoCloseable {
    enum class Option { CompilerPluginLibraryDir, DispatchLibraryDir }

    override fun close(): Unit = stub()

    companion object {
        @JvmStatic
        @JvmOverloads
        @Suppress("UNUSED_PARAMETER")
        fun create(context: Context, options: Map<Option, String> = mapOf()): Environment = stub()
    }
}

class CompiledModel private constructor() : AutoCloseable {
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
    fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = stub()

    @JvmOverloads
    fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = stub()

    @JvmOverloads
    fun run(
        inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signatureIndex: Int = 0
    ): Unit = stub()

    override fun close(): Unit = stub()

    companion object {
        @JvmStatic
        @JvmOverloads
        fun create(
            assetManager: AssetManager, assetName: String, options: Options = Options(Accelerator.CPU),
            optionalEnv: Environment? = null,
        ): CompiledModel = stub()
    }
}
