package org.fersdk.core

import java.nio.ByteBuffer

/** Turns a camera's frames upright: RGBA rows in, an [Image] out; its memory is made once. */
class FrameReader {
    /** The last frame: red, green, blue, upright, not mirrored. */
    val image = Image(1, 1, 3)
    private var row = ByteArray(0)

    /**
     * Reads a part of a frame.
     *
     * @param rgba rows of red, green, blue, alpha.
     * @param rowStride bytes from one row to the next.
     * @param left, top, width, height the part to read, in pixels of the buffer.
     * @param rotationDegrees by which the buffer must be turned clockwise to be upright: 0, 90, 180
     *   or 270.
     */
    fun read(
        rgba: ByteBuffer, rowStride: Int, left: Int, top: Int, width: Int, height: Int,
        rotationDegrees: Int,
    ): Image {
        require(rotationDegrees in setOf(0, 90, 180, 270)) {
            "rotationDegrees must be 0, 90, 180 or 270, but is $rotationDegrees"
        }
        val turned = rotationDegrees % 180 != 0
        image.reshape(if (turned) height else width, if (turned) width else height)
        if (row.size < 4 * width) row = ByteArray(4 * width)
        val levels = image.levels
        // Where the part's first pixel goes, and how far apart its neighbours along a row go.
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
