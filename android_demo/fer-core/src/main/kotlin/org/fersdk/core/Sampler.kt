package org.fersdk.core

import kotlin.math.floor
import kotlin.math.min

/**
 * Samples a [width] x [height] input from an image with the method "area-then-bilinear".
 *
 * Gives the same bits as `fer_sdk.preprocess.sample`. Buffers are reused; not thread-safe.
 */
class Sampler(private val width: Int, private val height: Int) {
    private val size = width * height
    private val left = IntArray(size)
    private val right = IntArray(size)
    private val top = IntArray(size)
    private val bottom = IntArray(size)
    private val weightX = IntArray(size)
    private val weightY = IntArray(size)
    private var means = IntArray(4 * size)
    private var block = 1
    private var firstX = 0
    private var firstY = 0
    private var columns = 1
    private var rows = 1

    /** Computes the four blocks of the image and the weights of each input pixel. */
    fun place(image: Image, transform: Affine) {
        // At most the image's shorter side, so that points far outside do not need unbounded memory.
        val widest = min(image.width, image.height).toDouble()
        block = maxOf(1, min(floor(transform.scale + 0.5), widest).toInt())
        val blocksX = (image.width + block - 1) / block
        val blocksY = (image.height + block - 1) / block
        firstX = Int.MAX_VALUE
        firstY = Int.MAX_VALUE
        var lastX = 0
        var lastY = 0
        var at = 0
        for (row in 0 until height) for (column in 0 until width) {
            val x = column.toDouble()
            val y = row.toDouble()
            val across = (transform.xx * x + transform.xy * y + transform.x0 + 0.5) / block - 0.5
            val down = (transform.yx * x + transform.yy * y + transform.y0 + 0.5) / block - 0.5
            val belowX = floor(across)
            val belowY = floor(down)
            left[at] = clip(belowX, blocksX)
            right[at] = clip(belowX + 1, blocksX)
            top[at] = clip(belowY, blocksY)
            bottom[at] = clip(belowY + 1, blocksY)
            weightX[at] = floor((across - belowX) * WHOLE + 0.5).toInt()
            weightY[at] = floor((down - belowY) * WHOLE + 0.5).toInt()
            firstX = min(firstX, left[at])
            firstY = min(firstY, top[at])
            lastX = maxOf(lastX, right[at])
            lastY = maxOf(lastY, bottom[at])
            at++
        }
        columns = lastX - firstX + 1
        rows = lastY - firstY + 1
        if (means.size < columns * rows) means = IntArray(columns * rows)
    }

    /**
     * Reads the input pixels after [place].
     *
     * @param input receives grey levels 0 to 255.
     */
    fun read(image: Image, input: ByteArray) {
        means.fill(UNKNOWN, 0, columns * rows)
        for (pixel in 0 until size) {
            val x0 = left[pixel]
            val x1 = right[pixel]
            val y0 = top[pixel]
            val y1 = bottom[pixel]
            val wx = weightX[pixel]
            val wy = weightY[pixel]
            val upper = mean(image, x0, y0) * (WHOLE - wx) + mean(image, x1, y0) * wx
            val lower = mean(image, x0, y1) * (WHOLE - wx) + mean(image, x1, y1) * wx
            val value = upper * (WHOLE - wy) + lower * wy
            input[pixel] = ((value + HALF) shr (2 * WEIGHT_BITS)).toByte()
        }
    }

    /** Mean grey level of one block, rounded half up; computed at the first access. */
    private fun mean(image: Image, x: Int, y: Int): Int {
        val at = (y - firstY) * columns + (x - firstX)
        if (means[at] == UNKNOWN) {
            var sum = 0L
            for (row in y * block until (y + 1) * block) {
                val inY = min(row, image.height - 1)
                for (column in x * block until (x + 1) * block) {
                    sum += image.grey(min(column, image.width - 1), inY)
                }
            }
            val area = block.toLong() * block
            means[at] = ((sum + area / 2) / area).toInt()
        }
        return means[at]
    }

    private fun clip(place: Double, count: Int): Int =
        if (place < 0) 0 else if (place > count - 1) count - 1 else place.toInt()

    private companion object {
        const val WEIGHT_BITS = 11
        const val WHOLE = 1 shl WEIGHT_BITS
        const val HALF = 1 shl (2 * WEIGHT_BITS - 1)
        const val UNKNOWN = -1
    }
}
