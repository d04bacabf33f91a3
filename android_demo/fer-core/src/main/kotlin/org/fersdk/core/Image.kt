package org.fersdk.core

/**
 * 8-bit image, upright, rows from the top, without padding; reused for all frames.
 *
 * @param channels 3 for red, green, blue; 1 for grey levels.
 */
class Image(width: Int, height: Int, val channels: Int) {
    var width: Int = width
        private set
    var height: Int = height
        private set

    /** Levels 0 to 255 as signed bytes, row by row; at least [width] x [height] x [channels]. */
    var levels: ByteArray = ByteArray(width * height * channels)
        private set

    init {
        require(channels == 1 || channels == 3) { "channels must be 1 or 3, but is $channels" }
        requireSize(width, height)
    }

    /** Sets the size; allocates memory only if the image is larger than all before. */
    fun reshape(width: Int, height: Int) {
        requireSize(width, height)
        this.width = width
        this.height = height
        if (levels.size < width * height * channels) levels = ByteArray(width * height * channels)
    }

    /** A pixel's grey level with ITU-R BT.601's weights in 14 bits. */
    internal fun grey(x: Int, y: Int): Int {
        val at = (y * width + x) * channels
        if (channels == 1) return levels[at].toInt() and 0xFF
        val red = levels[at].toInt() and 0xFF
        val green = levels[at + 1].toInt() and 0xFF
        val blue = levels[at + 2].toInt() and 0xFF
        return (4899 * red + 9617 * green + 1868 * blue + 8192) shr 14
    }

    private fun requireSize(width: Int, height: Int) =
        require(width > 0 && height > 0) { "width and height must be above 0, but are $width and $height" }
}
