package org.fersdk.core

/**
 * Face detector YuNet (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y).
 *
 * Gives the faces of `fer_sdk.YuNet` from the same output of the network. Here the image is padded with
 * black to the network's whole input, in Python only to multiples of 32 pixels.
 *
 * @param bundle the network's sidecar.
 * @param engine runs the network: (1, height, width, 3) in, sides in multiples of 32; one row of 16
 *   numbers per cell out.
 * @param minScore smallest score of a face, 0 to 1.
 */
class YuNet(
    bundle: DetectorBundle, private val engine: Engine, minScore: Double = MIN_SCORE
) : FaceDetector {
    private val input: DetectorInput
    private val decoder: YuNetDecoder
    private val outputs: List<FloatArray>
    private val pool = ArrayList<Face>()
    private val faces = ArrayList<Face>()

    init {
        val shape = engine.inputShape
        val (height, width) = if (shape.size == 4) shape.subList(1, 3) else listOf(0, 0)
        input = DetectorInput(width, height)
        decoder = YuNetDecoder(height, width, bundle.factors, minScore)
        val sizes = engine.outputSizes
        if (shape != listOf(1, height, width, 3) || height % MULTIPLE != 0 || width % MULTIPLE != 0 ||
            decoder.rows == 0 || sizes != listOf(decoder.rows * YuNetDecoder.COLUMNS)
        ) {
            engine.close()
            throw EngineException(
                "${bundle.model} must take (1, height, width, 3) in multiples of $MULTIPLE and return " +
                    "${YuNetDecoder.COLUMNS} numbers per cell, but takes $shape and returns $sizes"
            )
        }
        outputs = sizes.map { FloatArray(it) }
    }

    override fun detect(image: Image): List<Face> {
        input.fill(image)
        engine.run(input.tensor, outputs)
        val count = decoder.decode(outputs[0])
        val zoomX = image.width.toDouble() / input.fittedWidth
        val zoomY = image.height.toDouble() / input.fittedHeight
        faces.clear()
        for (number in 0 until count) {
            if (pool.size == number) pool.add(Face())
            faces.add(pool[number].also { read(it, number, zoomX, zoomY) })
        }
        return faces
    }

    override fun close() = engine.close()

    /** Converts a face of the decoder to pixels of the image. */
    private fun read(face: Face, number: Int, zoomX: Double, zoomY: Double) {
        // The centre of a downscaled pixel is the centre of the block of pixels that it averages.
        fun x(point: Int) = (decoder.value(number, 4 + 2 * point) + 0.5) * zoomX - 0.5
        fun y(point: Int) = (decoder.value(number, 5 + 2 * point) + 0.5) * zoomY - 0.5
        for (at in 0 until 4) face.box[at] = decoder.value(number, at) * (if (at % 2 == 0) zoomX else zoomY)
        face.landmarks.rightEyeX = x(0)
        face.landmarks.rightEyeY = y(0)
        face.landmarks.leftEyeX = x(1)
        face.landmarks.leftEyeY = y(1)
        face.noseX = x(2)
        face.noseY = y(2)
        face.landmarks.mouthX = (x(3) + x(4)) / 2
        face.landmarks.mouthY = (y(3) + y(4)) / 2
        face.score = decoder.value(number, YuNetDecoder.SCORE)
    }

    companion object {
        const val MIN_SCORE = 0.7
        private const val MULTIPLE = 32
    }
}
