package org.fersdk.core

import kotlin.math.floor
import kotlin.math.hypot
import kotlin.math.min

/**
 * From an image and a face to a model's input, bit for bit as `fer_sdk.preprocess` does it: grey,
 * "area-then-bilinear". Its buffers are made once; not for use from two threads.
 */
class Preprocessor(private val spec: InputSpec) {
    private val size = spec.width * spec.height
    private val left = IntArray(size)
    private val right = IntArray(size)
    private val top = IntArray(size)
    private val bottom = IntArray(size)
    private val weightX = IntArray(size)
    private val weightY = IntArray(size)
    private val transform = Affine()
    private var means = IntArray(4 * size)

    /**
     * Cuts a face out of an image: upright, eyes and mouth in the places that the sidecar names.
     *
     * @param landmarks of the face, in pixels of [image].
     * @param input receives height x width grey levels.
     * @throws FerException if the points coincide or are not finite.
     */
    fun cropFace(image: Image, landmarks: Landmarks, input: ByteArray) {
        cropTransform(landmarks, transform)
        sample(image, transform, input)
    }

    /** Stretches a whole face picture over the input, edge to edge. */
    fun resize(face: Image, input: ByteArray) {
        val across = face.width.toDouble() / spec.width
        val down = face.height.toDouble() / spec.height
        transform.set(across, 0.0, (across - 1) / 2, 0.0, down, (down - 1) / 2)
        sample(face, transform, input)
    }

    /**
     * Finds the turn, zoom and shift that best lay a face's points on the crop's points: least
     * squares over eyes and mouth (Umeyama 1991, https://doi.org/10.1109/34.88573, no mirroring).
     */
    fun cropTransform(landmarks: Landmarks, transform: Affine) {
        val crop = spec.crop
        val l = landmarks
        // As NumPy takes a mean of complex numbers: times the reciprocal.
        val third = 1.0 / 3.0
        val targetX = (crop.rightEye.x + crop.leftEye.x + crop.mouth.x) * third
        val targetY = (crop.rightEye.y + crop.leftEye.y + crop.mouth.y) * third
        val sourceX = (l.rightEyeX + l.leftEyeX + l.mouthX) * third
        val sourceY = (l.rightEyeY + l.leftEyeY + l.mouthY) * third
        var real = 0.0
        var imaginary = 0.0
        var spread = 0.0
        for (point in 0 until 3) {
            val target = when (point) { 0 -> crop.rightEye; 1 -> crop.leftEye; else -> crop.mouth }
            val tx = target.x - targetX
            val ty = target.y - targetY
            val sx = when (point) { 0 -> l.rightEyeX; 1 -> l.leftEyeX; else -> l.mouthX } - sourceX
            val sy = when (point) { 0 -> l.rightEyeY; 1 -> l.leftEyeY; else -> l.mouthY } - sourceY
            real += tx * sx + ty * sy
            imaginary += tx * sy - ty * sx
            spread += hypot(tx, ty).let { it * it }
        }
        real /= spread
        imaginary /= spread
        val zoom = hypot(real, imaginary)
        if (!zoom.isFinite() || zoom == 0.0) throw FerException("no crop is defined by $landmarks")
        transform.set(
            real, -imaginary, sourceX - (real * targetX - imaginary * targetY),
            imaginary, real, sourceY - (real * targetY + imaginary * targetX),
        )
    }

    /** Reads the input's pixels from an image. */
    fun sample(image: Image, transform: Affine, input: ByteArray) {
        require(input.size == size) { "input must hold $size levels, but holds ${input.size}" }
        // Never larger than the image, so that points far outside cannot ask for endless memory.
        val widest = min(image.width, image.height).toDouble()
        val block = maxOf(1, min(floor(transform.scale + 0.5), widest).toInt())
        val blocksX = (image.width + block - 1) / block
        val blocksY = (image.height + block - 1) / block
        var firstX = Int.MAX_VALUE
        var firstY = Int.MAX_VALUE
        var lastX = 0
        var lastY = 0
        var at = 0
        for (row in 0 until spec.height) for (column in 0 until spec.width) {
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
        val columns = lastX - firstX + 1
        val rows = lastY - firstY + 1
        if (means.size < columns * rows) means = IntArray(columns * rows)
        means.fill(UNKNOWN, 0, columns * rows)
        for (pixel in 0 until size) {
            val x0 = left[pixel]
            val x1 = right[pixel]
            val y0 = top[pixel]
            val y1 = bottom[pixel]
            val wx = weightX[pixel]
            val upper = mean(image, x0, y0, block, firstX, firstY, columns) * (WHOLE - wx) +
                mean(image, x1, y0, block, firstX, firstY, columns) * wx
            val lower = mean(image, x0, y1, block, firstX, firstY, columns) * (WHOLE - wx) +
                mean(image, x1, y1, block, firstX, firstY, columns) * wx
            val value = upper * (WHOLE - weightY[pixel]) + lower * weightY[pixel]
            input[pixel] = ((value + HALF) shr (2 * WEIGHT_BITS)).toByte()
        }
    }

    /** Mean grey level of one block, halves up; computed at the first read. */
    private fun mean(
        image: Image, x: Int, y: Int, block: Int, firstX: Int, firstY: Int, columns: Int
    ): Int {
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
