package org.fersdk.core

import kotlin.math.floor
import kotlin.math.ln
import kotlin.math.max
import kotlin.math.min
import kotlin.math.sqrt

/**
 * Decodes YuNet's output into faces, with non-maximum suppression.
 *
 * Gives the same bits as `fer_sdk.detectors.decoding`. Buffers are reused; not thread-safe.
 *
 * @param height height of the network's input in pixels, a multiple of 32; likewise [width].
 * @param factors the sidecar's factor of each column, for each stride.
 * @param minScore smallest score of a face, 0 to 1.
 */
class YuNetDecoder(
    height: Int, private val width: Int, private val factors: List<DoubleArray>, private val minScore: Double
) {
    private val cells = STRIDES.map { (height / it) * (width / it) }

    /** Number of rows that the network returns. */
    val rows = cells.sum()
    private val faces = DoubleArray(rows * VALUES)
    private val order = IntArray(rows)

    // Both probabilities are at least the square of the score; a little less allows for rounding.
    private val lowestLogit =
        (minScore * minScore).coerceIn(1e-12, 1 - 1e-12).let { ln(it / (1 - it)) } - 1e-3

    /**
     * Decodes one output.
     *
     * @param output [rows] x 16 numbers.
     * @return the number of faces; [value] returns their numbers.
     * @throws EngineException if a number is not finite.
     */
    fun decode(output: FloatArray): Int {
        var count = 0
        var row = 0
        for (level in STRIDES.indices) {
            val stride = STRIDES[level]
            val across = width / stride
            for (cell in 0 until cells[level]) {
                if (decodeRow(output, row, factors[level], stride, cell % across, cell / across)) {
                    count = insert(row, count)
                }
                row++
            }
        }
        return suppress(count)
    }

    /**
     * One of a face's numbers in pixels of the input: left, top, right, bottom, x and y of five
     * points (right eye, left eye, nose, right and left corner of the mouth), score.
     */
    fun value(face: Int, number: Int) = faces[order[face] * VALUES + number]

    /** Decodes a row into [faces]; returns whether its score is at least [minScore]. */
    private fun decodeRow(
        output: FloatArray, row: Int, factor: DoubleArray, stride: Int, cellX: Int, cellY: Int
    ): Boolean {
        val at = row * COLUMNS
        val face = output[at] * factor[0]
        val thing = output[at + 1] * factor[1]
        checkFinite(face + thing)
        if (face < lowestLogit || thing < lowestLogit) return false
        val score = sqrt(
            sigmoid(face.coerceIn(-LOGIT_CLIP, LOGIT_CLIP)) * sigmoid(thing.coerceIn(-LOGIT_CLIP, LOGIT_CLIP))
        )
        if (score < minScore) return false
        val to = row * VALUES
        for (axis in 0 until 2) {
            val corner = if (axis == 0) cellX else cellY
            val centre = (corner + output[at + 2 + axis] * factor[2 + axis]) * stride
            val size = output[at + 4 + axis] * factor[4 + axis]
            val half = exp(size.coerceIn(-SIZE_CLIP, SIZE_CLIP)) * stride / 2
            faces[to + axis] = centre - half
            faces[to + 2 + axis] = centre + half
            for (point in 0 until 5) {
                val column = 6 + 2 * point + axis
                faces[to + column - 2] = (corner + output[at + column] * factor[column]) * stride
            }
        }
        faces[to + SCORE] = score
        for (number in 0 until SCORE) checkFinite(faces[to + number])
        return true
    }

    private fun checkFinite(number: Double) {
        if (!number.isFinite()) {
            throw EngineException("the face detector's output is not finite: choose another accelerator")
        }
    }

    /** Inserts a row into [order], highest score first; of equal scores the first row is preferred. */
    private fun insert(row: Int, count: Int): Int {
        var slot = count
        while (slot > 0 && value(slot - 1, SCORE) < faces[row * VALUES + SCORE]) {
            order[slot] = order[slot - 1]
            slot--
        }
        order[slot] = row
        return count + 1
    }

    /** Removes the faces from [order] that overlap a better one; returns the number of the others. */
    private fun suppress(count: Int): Int {
        var kept = 0
        for (face in 0 until count) {
            var better = 0
            while (better < kept && overlap(face, better) <= MAX_OVERLAP) better++
            if (better == kept) order[kept++] = order[face]
        }
        return kept
    }

    private fun overlap(one: Int, best: Int): Double {
        val across = min(value(one, 2), value(best, 2)) - max(value(one, 0), value(best, 0))
        val down = min(value(one, 3), value(best, 3)) - max(value(one, 1), value(best, 1))
        val common = max(across, 0.0) * max(down, 0.0)
        return common / (area(one) + area(best) - common)
    }

    private fun area(face: Int) = (value(face, 2) - value(face, 0)) * (value(face, 3) - value(face, 1))

    companion object {
        /** Pixels per cell of the three grids. */
        val STRIDES = listOf(8, 16, 32)

        /** Numbers of a row of the network's output. */
        const val COLUMNS = 16

        /** Intersection over union from which on the face with the lower score is dropped. */
        const val MAX_OVERLAP = 0.3

        /** Largest absolute value of a logit, and of the logarithm of a size in strides. */
        const val LOGIT_CLIP = 100.0
        const val SIZE_CLIP = 10.0
        internal const val SCORE = 14
        private const val VALUES = 15
        private const val LN2 = 0.6931471805599453

        fun sigmoid(x: Double): Double = 1.0 / (1.0 + exp(-x))

        /** e^x by a series: the function differs between libraries in the last bit. */
        private fun exp(x: Double): Double {
            val power = floor(x / LN2 + 0.5)
            val rest = x - power * LN2
            var series = 1.0
            for (n in 13 downTo 1) series = 1.0 + series * rest / n
            return Math.scalb(series, power.toInt())
        }
    }
}
