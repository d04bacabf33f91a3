package org.fersdk.onnx

import ai.onnxruntime.OnnxJavaType
import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import ai.onnxruntime.TensorInfo
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.FloatBuffer
import org.fersdk.core.Engine
import org.fersdk.core.EngineException

/** An .onnx model with float32 input and output in ONNX Runtime on the CPU. */
class OrtEngine(name: String, model: ByteArray, threads: Int = 1) : Engine {
    override val place = "ONNX Runtime CPU"
    override val inputShape: List<Int>
    override val outputSizes: List<Int>
    private val session: OrtSession
    private val inputBuffer: FloatBuffer
    private val outputBuffers: List<FloatBuffer>
    private val inputs: Map<String, OnnxTensor>
    private val outputs: Map<String, OnnxTensor>
    private var closed = false

    init {
        val environment = OrtEnvironment.getEnvironment()
        try {
            session = OrtSession.SessionOptions().use { options ->
                options.setIntraOpNumThreads(threads)
                // Without this option, int8 sums saturate at 16 bits on x86 CPUs without VNNI.
                options.addConfigEntry("session.x64quantprecision", "1")
                environment.createSession(model, options)
            }
        } catch (error: OrtException) {
            throw EngineException("ONNX Runtime cannot load $name: ${error.message}", error)
        }
        try {
            val given = session.inputInfo.entries.single()
            val shape = shapeOf(name, given.key, given.value.info)
            inputShape = shape.map { it.toInt() }
            inputBuffer = floats(shape)
            inputs = mapOf(given.key to OnnxTensor.createTensor(environment, inputBuffer, shape))
            val shapes = session.outputInfo.mapValues { shapeOf(name, it.key, it.value.info) }
            val buffers = shapes.mapValues { floats(it.value) }
            outputBuffers = buffers.values.toList()
            outputSizes = outputBuffers.map { it.capacity() }
            outputs = shapes.mapValues { (key, sides) ->
                OnnxTensor.createTensor(environment, buffers.getValue(key), sides)
            }
        } catch (error: Exception) {
            session.close()
            throw error
        }
    }

    override fun run(input: FloatArray, outputs: List<FloatArray>) {
        if (closed) throw EngineException("the ONNX Runtime engine is closed")
        inputBuffer.clear()
        inputBuffer.put(input)
        try {
            session.run(inputs, emptySet(), this.outputs).close()
        } catch (error: OrtException) {
            throw EngineException("ONNX Runtime failed: ${error.message}", error)
        }
        for (number in outputBuffers.indices) {
            outputBuffers[number].clear()
            outputBuffers[number].get(outputs[number])
        }
    }

    override fun close() {
        if (closed) return
        closed = true
        (inputs.values + outputs.values).forEach { it.close() }
        session.close()
    }

    private fun shapeOf(name: String, tensor: String, info: Any): LongArray {
        if (info !is TensorInfo || info.type != OnnxJavaType.FLOAT) {
            throw EngineException("$name must have float32 inputs and outputs, but $tensor is $info")
        }
        return LongArray(info.shape.size) { maxOf(1L, info.shape[it]) } // a dynamic batch size becomes 1
    }

    private fun floats(shape: LongArray): FloatBuffer =
        ByteBuffer.allocateDirect(4 * shape.fold(1L, Long::times).toInt())
            .order(ByteOrder.nativeOrder()).asFloatBuffer()
}
