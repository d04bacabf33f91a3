package org.fersdk.core

import kotlin.math.hypot

/**
 * Crops and resizes faces to a model's input: grey, resize method "area-then-bilinear".
 *
 * Gives the same bits as `fer_sdk.preprocess`. Buffers are reused; not thread-safe.
 */
class Preprocessor(private val spec: InputSpec) {
    private val sampler = Sampler(spec.width, spec.height)
    private val transform = Affine()

    /**
     * Crops and aligns a face: eyes and mouth are moved to the positions in the sidecar.
     *
     * @param landmarks eyes and mouth of the face, in pixels of [image].
     * @param input receives height x width grey levels.
     * @throws FerException if the points coincide or are not finite.
     */
    fun cropFace(image: Image, landmarks: Landmarks, input: ByteArray) {
        cropTransform(landmarks, transform)
        sample(image, input)
    }

    /** Resizes an image of a face to the input's size, edge to edge. */
    fun resize(face: Image, input: ByteArray) {
        val across = face.width.toDouble() / spec.width
        val down = face.height.toDouble() / spec.height
        transform.set(across, 0.0, (across - 1) / 2, 0.0, down, (down - 1) / 2)
        sample(face, input)
    }

    /**
     * Fits the rotation, scale and translation that map the crop's eyes and mouth to the face's.
     *
     * Least squares over the three points, without reflection (Umeyama 1991,
     * https://doi.org/10.1109/34.88573).
     */
    fun cropTransform(landmarks: Landmarks, transform: Affine) {
        val crop = spec.crop
        val l = landmarks
        // Multiply by the reciprocal, as NumPy does for the mean of complex numbers.
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

    private fun sample(image: Image, input: ByteArray) {
        val size = spec.width * spec.height
        require(input.size == size) { "input must hold $size levels, but holds ${input.size}" }
        sampler.place(image, transform)
        sampler.read(image, input)
    }
}
