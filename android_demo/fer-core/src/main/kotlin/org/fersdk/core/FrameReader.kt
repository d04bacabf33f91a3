package org.fersdk.core

import java.nio.ByteBuffer

/** Converts a camera's RGBA frames to upright RGB [Image]s. The image is reused. */
class FrameReader {
    /** The last frame: red, green, blue, upright, not mirrored; overwritten by [read]. */
    val image = Image(1, 1, 3)
    private var row = ByteArray(0)

    /**
     * Reads a rectangle of a frame.
     *
     * @param rgba rows of red, green, blue, alpha.
     * @param rowStride bytes from one row to the next.
     * @param left, top, width, height the rectangle, in pixels of the buffer.
     * @param rotationDegrees clockwise rotation that makes the frame upright: 0, 90, 180 or 270.
     */
    fun read(
        rgba: ByteBuffer, rowStride: Int, left: Int, top: Int, width: Int, height: Int,
        rotationDegrees: Int,
    ): Image {
        require(rotationDegrees in 0..270 && rotationDegrees % 90 == 0) {
            "rotationDegrees must be 0, 90, 180 or 270, but is $rotationDegrees"
        }
        val isSideways = rotationDegrees % 180 != 0
        image.reshape(if (isSideways) height else width, if (isSideways) width else height)
        if (row.size < 4 * width) row = ByteArray(4 * width)
        val levels = image.levels
        // Output index of the rectangle's first pixel, and its steps along input rows and columns.
        val stepX: Int
        val stepY: Int
        val origin: Int
        when (rotationDegrees) {
            0 -> { origin = 0; stepX = 1; stepY = width }
            90 -> { origin = height - 1; stepX = height; stepY = -1 }
            180 -> { origin = width * height - 1; stepX = -1; stepY = -width }
            else -> { origin = height * (width - 1); stepX = -height; stepY = 1 }
        }
        for (y in 0 until height) {
            rgba.position((top + y) * rowStride + 4 * left)
            rgba.get(row, 0, 4 * width)
            var to = 3 * (origin + y * stepY)
            for (x in 0 until width) {
                levels[to] = row[4 * x]
                levels[to + 1] = row[4 * x + 1]
                levels[to + 2] = row[4 * x + 2]
                to += 3 * stepX
            }
        }
        return image
    }
}
