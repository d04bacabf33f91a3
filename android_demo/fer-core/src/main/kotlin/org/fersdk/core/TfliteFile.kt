package org.fersdk.core

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Supported element types of a model's input and output tensors. */
enum class ElementType { FLOAT32, UINT8, INT8 }

/** One input or output; quantized values q stand for scale * (q - zeroPoint). */
data class TensorSpec(
    val shape: List<Int>, val type: ElementType, val scale: Float, val zeroPoint: Int
) {
    val size: Int get() = shape.fold(1, Int::times)
}

/**
 * Inputs and outputs of a .tflite file.
 *
 * They are parsed from the file, because LiteRT's CompiledModel does not expose scale and zero point.
 * Format: TensorFlow Lite's schema.fbs, version 3.
 */
class TfliteFile private constructor(
    val inputs: List<TensorSpec>, val outputs: List<TensorSpec>, val hasInt16: Boolean
) {
    companion object {
        private const val INT16 = 7
        private val TYPES =
            mapOf(0 to ElementType.FLOAT32, 3 to ElementType.UINT8, 9 to ElementType.INT8)

        /**
         * Reads the file.
         *
         * @throws EngineException if it is not a .tflite file, or has inputs or outputs of another type.
         */
        fun read(name: String, bytes: ByteArray): TfliteFile {
            val file = Table.Reader(ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN))
            if (bytes.size < 8 || String(bytes, 4, 4, Charsets.US_ASCII) != "TFL3") {
                throw EngineException("$name is not a .tflite file")
            }
            try {
                val graph = file.root().tables(2).first()
                val tensors = graph.tables(0)
                fun specs(field: Int) = graph.ints(field).map { spec(name, tensors[it]) }
                return TfliteFile(specs(1), specs(2), tensors.any { it.byte(1) == INT16 })
            } catch (error: IndexOutOfBoundsException) {
                throw EngineException("$name is a truncated .tflite file", error)
            }
        }

        private fun spec(name: String, tensor: Table): TensorSpec {
            val type = TYPES[tensor.byte(1)]
                ?: throw EngineException("$name must have inputs and outputs of type float32, uint8 or int8")
            val quantization = tensor.table(4)
            val scale = quantization?.floats(2)?.firstOrNull() ?: 0f
            val zeroPoint = quantization?.longs(3)?.firstOrNull()?.toInt() ?: 0
            return TensorSpec(tensor.ints(0), type, scale, zeroPoint)
        }
    }
}

/** A table of a FlatBuffers file, read by field number. */
private class Table(private val bytes: ByteBuffer, private val at: Int) {
    class Reader(private val bytes: ByteBuffer) {
        fun root() = Table(bytes, bytes.getInt(0))
    }

    private fun field(number: Int): Int {
        val names = at - bytes.getInt(at)
        val slot = 4 + 2 * number
        if (slot >= bytes.getShort(names)) return 0
        val offset = bytes.getShort(names + slot).toInt() and 0xFFFF
        return if (offset == 0) 0 else at + offset
    }

    private fun follow(position: Int) = position + bytes.getInt(position)

    fun byte(number: Int): Int = field(number).let { if (it == 0) 0 else bytes.get(it).toInt() }

    fun table(number: Int): Table? =
        field(number).let { if (it == 0) null else Table(bytes, follow(it)) }

    private fun <T> vector(number: Int, read: (Int, Int) -> T): List<T> {
        val position = field(number)
        if (position == 0) return emptyList()
        val start = follow(position)
        return List(bytes.getInt(start)) { read(start + 4, it) }
    }

    fun tables(number: Int) =
        vector(number) { start, index -> Table(bytes, follow(start + 4 * index)) }

    fun ints(number: Int) = vector(number) { start, index -> bytes.getInt(start + 4 * index) }

    fun longs(number: Int) = vector(number) { start, index -> bytes.getLong(start + 8 * index) }

    fun floats(number: Int) = vector(number) { start, index -> bytes.getFloat(start + 4 * index) }
}
