package org.fersdk.android

import android.content.Context
import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.Environment
import com.google.ai.edge.litert.LiteRtException
import com.google.ai.edge.litert.TensorBuffer
import java.io.IOException
import org.fersdk.core.ElementType
import org.fersdk.core.Engine
import org.fersdk.core.EngineException
import org.fersdk.core.TensorSpec
import org.fersdk.core.TfliteFile

/** Returns an asset's bytes; throws [EngineException] if it is missing. */
internal fun AssetManager.readAsset(asset: String): ByteArray = try {
    open(asset).use { it.readBytes() }
} catch (error: IOException) {
    throw EngineException("the app has no asset $asset", error)
}

/** LiteRT's environment; made with a context, without which GPU programs are compiled at every start. */
private object SharedEnvironment {
    private var environment: Environment? = null

    @Synchronized
    fun of(context: Context): Environment =
        environment ?: Environment.create(context.applicationContext).also { environment = it }
}

/**
 * A .tflite model in the app's assets, compiled by LiteRT for one accelerator without fallback.
 *
 * A GPU computes in float32: in float16 it may give NaN or other labels.
 */
class LiteRtEngine(
    context: Context, private val asset: String, accelerator: Accelerator, threads: Int = 1
) : Engine {
    override val place = "LiteRT $accelerator"
    override val inputShape: List<Int>
    override val outputSizes: List<Int>
    private val file = TfliteFile.read(asset, context.assets.readAsset(asset))
    private val inputSpec = file.inputs.singleOrNull()
        ?: throw EngineException("$asset must have one input, but has ${file.inputs.size}")
    private val model: CompiledModel
    private val inputs: List<TensorBuffer>
    private val outputs: List<TensorBuffer>
    private val bytes = ByteArray(inputSpec.size)
    private var closed = false

    init {
        if (accelerator == Accelerator.GPU && file.hasInt16) {
            throw EngineException("$asset has int16 activations, for which GPUs give wrong results")
        }
        checkRawPixels(inputSpec)
        inputShape = inputSpec.shape
        outputSizes = file.outputs.map { it.size }
        // Only one accelerator: with a second one, LiteRT falls back without an error.
        val options = CompiledModel.Options(accelerator)
        if (accelerator == Accelerator.CPU) options.cpuOptions = CompiledModel.CpuOptions(threads)
        if (accelerator == Accelerator.GPU) {
            options.gpuOptions =
                CompiledModel.GpuOptions(precision = CompiledModel.GpuOptions.Precision.FP32)
        }
        model = guarded("load") {
            CompiledModel.create(context.assets, asset, options, SharedEnvironment.of(context))
        }
        try {
            inputs = guarded("load") { model.createInputBuffers() }
            outputs = guarded("load") { model.createOutputBuffers() }
        } catch (error: EngineException) {
            model.close()
            throw error
        }
    }

    override fun run(input: FloatArray, outputs: List<FloatArray>) {
        if (closed) throw EngineException("$place is closed")
        guarded("run") {
            if (inputSpec.type == ElementType.FLOAT32) {
                inputs[0].writeFloat(input)
            } else {
                for (at in bytes.indices) bytes[at] = (input[at].toInt() + inputSpec.zeroPoint).toByte()
                inputs[0].writeInt8(bytes)
            }
            model.run(inputs, this.outputs)
            for (at in outputs.indices) read(this.outputs[at], file.outputs[at], outputs[at])
        }
    }

    override fun close() {
        if (closed) return
        closed = true
        (inputs + outputs).forEach { it.close() }
        model.close()
    }

    private fun read(buffer: TensorBuffer, spec: TensorSpec, values: FloatArray) {
        if (spec.type == ElementType.FLOAT32) {
            buffer.readFloat().copyInto(values)
            return
        }
        val signed = spec.type == ElementType.INT8
        val raw = buffer.readInt8()
        for (at in values.indices) {
            val number = if (signed) raw[at].toInt() else raw[at].toInt() and 0xFF
            values[at] = (number - spec.zeroPoint) * spec.scale
        }
    }

    /** Checks that the input takes pixel values unscaled; another scale would change the brightness. */
    private fun checkRawPixels(inputSpec: TensorSpec) {
        val raw = when (inputSpec.type) {
            ElementType.FLOAT32 -> true
            ElementType.UINT8 -> inputSpec.scale == 1f && inputSpec.zeroPoint == 0
            ElementType.INT8 -> inputSpec.scale == 1f && inputSpec.zeroPoint == -128
        }
        if (!raw) throw EngineException("$asset must take unscaled pixels, but its input is $inputSpec")
    }

    private inline fun <T> guarded(verb: String, action: () -> T): T = try {
        action()
    } catch (error: LiteRtException) {
        throw EngineException("$place cannot $verb $asset: ${error.message}", error)
    } catch (error: LinkageError) { // no native library for this device
        throw EngineException("$place cannot $verb $asset: ${error.message}", error)
    }
}
