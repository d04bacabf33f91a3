package org.fersdk.core

import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min
import kotlin.math.round

/**
 * Writes images into a face detector's input of [width] x [height] pixels.
 *
 * An image that is larger is scaled down with the method "area-then-bilinear" and put into the top
 * left corner; the rest is black. Gives the same bits as `fer_sdk.preprocess.resize`. Buffers are
 * reused and grow with the image; not thread-safe.
 */
class DetectorInput(val width: Int, val height: Int) {
    /** Levels 0 to 255 of blue, green, red, row by row. */
    val tensor = FloatArray(3 * width * height)

    /** Size of the image in the input. */
    var fittedWidth = 0
        private set
    var fittedHeight = 0
        private set
    private val columns = Axis(width)
    private val rows = Axis(height)
    private var means = IntArray(0)

    /** Fills [tensor] with an image of red, green, blue. */
    fun fill(image: Image) {
        require(image.channels == 3) { "the image must have 3 channels, but has ${image.channels}" }
        fit(image.width, image.height)
        val across = image.width.toDouble() / fittedWidth
        val down = image.height.toDouble() / fittedHeight
        val widest = min(image.width, image.height).toDouble()
        val block = max(1, min(floor(min(across, down) + 0.5), widest).toInt())
        val blocksX = (image.width + block - 1) / block
        val blocksY = (image.height + block - 1) / block
        average(image, block, blocksX, blocksY)
        columns.place(fittedWidth, across, block, blocksX)
        rows.place(fittedHeight, down, block, blocksY)
        for (y in 0 until fittedHeight) interpolate(y, blocksX)
        tensor.fill(0f, 3 * width * fittedHeight)
    }

    /** Sets [fittedWidth] and [fittedHeight] for an image; halves are rounded to even numbers. */
    fun fit(imageWidth: Int, imageHeight: Int) {
        val shrink = min(1.0, min(width.toDouble() / imageWidth, height.toDouble() / imageHeight))
        fittedWidth = max(1, round(imageWidth * shrink).toInt())
        fittedHeight = max(1, round(imageHeight * shrink).toInt())
    }

    /** Averages blocks of the image, rounding half up; its edge pixels repeat beyond it. */
    private fun average(image: Image, block: Int, blocksX: Int, blocksY: Int) {
        val count = 3 * blocksX * blocksY
        if (means.size < count) means = IntArray(count)
        val area = block * block
        val levels = image.levels
        var to = 0
        for (blockY in 0 until blocksY) for (blockX in 0 until blocksX) {
            val top = blockY * block
            val left = blockX * block
            var red = area / 2
            var green = area / 2
            var blue = area / 2
            for (y in top until top + block) {
                val row = min(y, image.height - 1) * image.width
                for (x in left until left + block) {
                    val at = 3 * (row + min(x, image.width - 1))
                    red += levels[at].toInt() and 0xFF
                    green += levels[at + 1].toInt() and 0xFF
                    blue += levels[at + 2].toInt() and 0xFF
                }
            }
            means[to++] = blue / area
            means[to++] = green / area
            means[to++] = red / area
        }
    }

    /** Writes one row of the input: bilinear weights of 11 bits between the blocks' means. */
    private fun interpolate(y: Int, blocksX: Int) {
        val upper = 3 * blocksX * rows.low[y]
        val lower = 3 * blocksX * rows.high[y]
        val down = rows.weight[y]
        var to = 3 * width * y
        for (x in 0 until fittedWidth) {
            val left = 3 * columns.low[x]
            val right = 3 * columns.high[x]
            val across = columns.weight[x]
            for (channel in 0 until 3) {
                val above = means[upper + left + channel] * (WHOLE - across) +
                    means[upper + right + channel] * across
                val below = means[lower + left + channel] * (WHOLE - across) +
                    means[lower + right + channel] * across
                val value = above * (WHOLE - down) + below * down
                tensor[to++] = ((value + HALF) shr (2 * WEIGHT_BITS)).toFloat()
            }
        }
        tensor.fill(0f, to, 3 * width * (y + 1))
    }

    /** The two blocks around each position along an axis, and the weight of the second. */
    private class Axis(size: Int) {
        val low = IntArray(size)
        val high = IntArray(size)
        val weight = IntArray(size)

        fun place(count: Int, step: Double, block: Int, blocks: Int) {
            for (at in 0 until count) {
                val place = (step * at + (step - 1) / 2 + 0.5) / block - 0.5
                val below = floor(place)
                low[at] = below.toInt().coerceIn(0, blocks - 1)
                high[at] = (below.toInt() + 1).coerceIn(0, blocks - 1)
                weight[at] = floor((place - below) * WHOLE + 0.5).toInt()
            }
        }
    }

    private companion object {
        const val WEIGHT_BITS = 11
        const val WHOLE = 1 shl WEIGHT_BITS
        const val HALF = 1 shl (2 * WEIGHT_BITS - 1)
    }
}
