package org.fersdk.android

import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.LiteRtException
import com.google.ai.edge.litert.TensorBuffer
import java.io.IOException
import org.fersdk.core.ElementType
import org.fersdk.core.Engine
import org.fersdk.core.EngineException
import org.fersdk.core.TensorSpec
import org.fersdk.core.TfliteFile

/** Reads an asset whole; a missing one is told in one line. */
internal fun AssetManager.readWhole(asset: String): ByteArray = try {
    open(asset).use { it.readBytes() }
} catch (error: IOException) {
    throw EngineException("$asset is not among the app's assets", error)
}

/** A .tflite model among the app's assets, compiled by LiteRT for exactly one accelerator. */
class LiteRtEngine(
    assets: AssetManager, private val asset: String, accelerator: Accelerator, threads: Int = 1
) : Engine {
    override val place = "LiteRT $accelerator"
    override val inputShape: List<Int>
    override val outputSizes: List<Int>
    private val file = TfliteFile.read(asset, assets.readWhole(asset))
    private val entry = file.inputs.singleOrNull()
        ?: throw EngineException("$asset must have one input, but has ${file.inputs.size}")
    private val model: CompiledModel
    private val inputs: List<TensorBuffer>
    private val outputs: List<TensorBuffer>
    private val bytes = ByteArray(entry.size)
    private var closed = false

    init {
        if (accelerator == Accelerator.GPU && file.hasInt16) {
            throw EngineException("$asset has int16 activations, which come out wrong on GPUs")
        }
        checkRawPixels(entry)
        inputShape = entry.shape
        outputSizes = file.outputs.map { it.size }
        // The accelerator alone: with a second one beside it LiteRT falls back without a word.
        val options = CompiledModel.Options(accelerator)
        if (accelerator == Accelerator.CPU) options.cpuOptions = CompiledModel.CpuOptions(threads)
        model = guarded("refuses") { CompiledModel.create(assets, asset, options) }
        try {
            inputs = guarded("refuses") { model.createInputBuffers() }
            outputs = guarded("refuses") { model.createOutputBuffers() }
        } catch (error: EngineException) {
            model.close()
            throw error
        }
    }

    override fun run(input: FloatArray, outputs: List<FloatArray>) {
        if (closed) throw EngineException("$place is closed")
        guarded("fails on") {
            if (entry.type == ElementType.FLOAT32) {
                inputs[0].writeFloat(input)
            } else {
                for (at in bytes.indices) bytes[at] = (input[at].toInt() + entry.zeroPoint).toByte()
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

    /** Numbers go in as they are: an input of another scale would see pixels brighter or darker. */
    private fun checkRawPixels(entry: TensorSpec) {
        val raw = when (entry.type) {
            ElementType.FLOAT32 -> true
            ElementType.UINT8 -> entry.scale == 1f && entry.zeroPoint == 0
            ElementType.INT8 -> entry.scale == 1f && entry.zeroPoint == -128
        }
        if (!raw) throw EngineException("$asset must take raw pixels, but its input is $entry")
    }

    private inline fun <T> guarded(verb: String, action: () -> T): T = try {
        action()
    } catch (error: LiteRtException) {
        throw EngineException("$place $verb $asset: ${error.message}", error)
    } catch (error: LinkageError) { // no native library for this phone
        throw EngineException("$place $verb $asset: ${error.message}", error)
    }
}
