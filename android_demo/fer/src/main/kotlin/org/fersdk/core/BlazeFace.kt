package org.fersdk.core

import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

/**
 * MediaPipe's short-range face detector (Bazarevsky et al. 2019, https://arxiv.org/abs/1907.05047).
 *
 * Letterboxing and decoding give the same bits as `fer_sdk.detectors.blazeface`.
 *
 * @param engine runs the network: float32 (1, 128, 128, 3) in, (1, 896, 16) and (1, 896, 1) out.
 * @param minScore faces below this confidence, 0 to 1, are dropped.
 */
class BlazeFace(private val engine: Engine, private val minScore: Double = MIN_SCORE) : FaceDetector {
    private val letterbox = Letterbox()
    private val tensor = FloatArray(3 * SIDE * SIDE)
    private val places: FloatArray
    private val logits: FloatArray
    private val outputs: List<FloatArray>
    private val decoder = Decoder()

    init {
        val sizes = engine.outputSizes
        if (engine.inputShape != listOf(1, SIDE, SIDE, 3) ||
            sizes.sorted() != listOf(ANCHORS, ANCHORS * VALUES)
        ) {
            engine.close()
            throw EngineException(
                "the face detector must take (1, $SIDE, $SIDE, 3) and give $ANCHORS anchors, " +
                    "but takes ${engine.inputShape} and gives $sizes"
            )
        }
        outputs = sizes.map { FloatArray(it) }
        places = outputs.first { it.size == ANCHORS * VALUES }
        logits = outputs.first { it.size == ANCHORS }
    }

    override fun detect(image: Image): List<Face> {
        letterbox.fit(image)
        for (at in tensor.indices) {
            tensor[at] = ((letterbox.pixels[at].toInt() and 0xFF) / 127.5 - 1.0).toFloat()
        }
        engine.run(tensor, outputs)
        return decoder.decode(places, logits, letterbox, minScore)
    }

    override fun close() = engine.close()

    /** Scales an image into the centre of the network's square input. */
    class Letterbox {
        /** Red, green, blue of 128 x 128 pixels; black outside the image. */
        val pixels = ByteArray(3 * SIDE * SIDE)

        /** Image pixels per input pixel. */
        var scale = 1.0
            private set
        var width = 0
            private set
        var height = 0
            private set
        private val sampler = Sampler(SIDE, SIDE)
        private val transform = Affine()

        fun fit(image: Image) {
            width = image.width
            height = image.height
            scale = max(height, width).toDouble() / SIDE
            val x0 = (width - 1 - scale * (SIDE - 1)) / 2
            val y0 = (height - 1 - scale * (SIDE - 1)) / 2
            transform.set(scale, 0.0, x0, 0.0, scale, y0)
            sampler.place(image, transform)
            for (channel in 0 until 3) sampler.read(image, channel, pixels, channel, 3)
            for (row in 0 until SIDE) for (column in 0 until SIDE) {
                val across = scale * column + x0
                val down = scale * row + y0
                if (across < -0.5 || across >= width - 0.5 || down < -0.5 || down >= height - 0.5) {
                    pixels.fill(0, 3 * (row * SIDE + column), 3 * (row * SIDE + column) + 3)
                }
            }
        }
    }

    /** Decodes the network's output into faces, with weighted non-maximum suppression. */
    class Decoder {
        private val rows = DoubleArray(ANCHORS * VALUES)
        private val scores = DoubleArray(ANCHORS)
        private val order = IntArray(ANCHORS)
        private val mean = DoubleArray(VALUES)
        private val pool = ArrayList<Face>()
        private val faces = ArrayList<Face>()

        /**
         * Decodes one output.
         *
         * @param places box centre x and y, width, height, then six points (right eye, left eye,
         *   nose, mouth, right ear, left ear) of each anchor, in input pixels.
         * @param logits one per anchor.
         * @throws EngineException if a number is not finite.
         */
        fun decode(
            places: FloatArray, logits: FloatArray, letterbox: Letterbox, minScore: Double
        ): List<Face> {
            if (places.any { !it.isFinite() } || logits.any { !it.isFinite() }) {
                throw EngineException(
                    "the face detector's output is not finite: choose another accelerator"
                )
            }
            var left = candidates(places, logits, minScore)
            faces.clear()
            while (left > 0) {
                val score = scores[order[0]]
                left = mergeBest(left)
                if (pool.size == faces.size) pool.add(Face())
                faces.add(toImage(pool[faces.size], score, letterbox))
            }
            return faces
        }

        /** Fills [rows] and puts the anchors above [minScore] into [order], highest score first. */
        private fun candidates(places: FloatArray, logits: FloatArray, minScore: Double): Int {
            var count = 0
            for (anchor in 0 until ANCHORS) {
                val logit = logits[anchor].toDouble().coerceIn(-SCORE_CLIP, SCORE_CLIP)
                val score = sigmoid(logit)
                val at = anchor * VALUES
                val across = places[at + 2].toDouble()
                val down = places[at + 3].toDouble()
                if (score < minScore || across <= 0 || down <= 0) continue
                for (value in 0 until VALUES step 2) {
                    rows[at + value] = places[at + value] + anchorX(anchor)
                    rows[at + value + 1] = places[at + value + 1] + anchorY(anchor)
                }
                rows[at + 2] = rows[at] + across / 2
                rows[at + 3] = rows[at + 1] + down / 2
                rows[at] -= across / 2
                rows[at + 1] -= down / 2
                scores[anchor] = score
                var slot = count++
                while (slot > 0 && scores[order[slot - 1]] < score) {
                    order[slot] = order[slot - 1]
                    slot--
                }
                order[slot] = anchor
            }
            return count
        }

        /** Averages the best row with all rows that overlap it into [mean]; keeps the others in [order]. */
        private fun mergeBest(count: Int): Int {
            val best = order[0] * VALUES
            var weight = 0.0
            var kept = 0
            mean.fill(0.0)
            for (number in 0 until count) {
                val anchor = order[number]
                val at = anchor * VALUES
                if (overlap(at, best) > MIN_OVERLAP) {
                    for (value in 0 until VALUES) mean[value] += rows[at + value] * scores[anchor]
                    weight += scores[anchor]
                } else {
                    order[kept++] = anchor
                }
            }
            for (value in 0 until VALUES) mean[value] /= weight
            return kept
        }

        private fun overlap(one: Int, best: Int): Double {
            val across = max(min(rows[one + 2], rows[best + 2]) - max(rows[one], rows[best]), 0.0)
            val down = max(min(rows[one + 3], rows[best + 3]) - max(rows[one + 1], rows[best + 1]), 0.0)
            val common = across * down
            return common / (area(one) + area(best) - common)
        }

        private fun area(at: Int) = (rows[at + 2] - rows[at]) * (rows[at + 3] - rows[at + 1])

        private fun toImage(face: Face, score: Double, letterbox: Letterbox): Face {
            fun x(point: Int) =
                (mean[2 * point] - SIDE / 2.0) * letterbox.scale + letterbox.width / 2.0
            fun y(point: Int) =
                (mean[2 * point + 1] - SIDE / 2.0) * letterbox.scale + letterbox.height / 2.0
            face.box[0] = x(0)
            face.box[1] = y(0)
            face.box[2] = x(1)
            face.box[3] = y(1)
            // Box coordinates start at the image's edge, points at the centre of the first pixel.
            face.landmarks.rightEyeX = x(2) - 0.5
            face.landmarks.rightEyeY = y(2) - 0.5
            face.landmarks.leftEyeX = x(3) - 0.5
            face.landmarks.leftEyeY = y(3) - 0.5
            face.noseX = x(4) - 0.5
            face.noseY = y(4) - 0.5
            face.landmarks.mouthX = x(5) - 0.5
            face.landmarks.mouthY = y(5) - 0.5
            face.score = score
            return face
        }
    }

    companion object {
        const val SIDE = 128
        const val ANCHORS = 896
        const val VALUES = 16
        const val MIN_SCORE = 0.5
        internal const val SCORE_CLIP = 100.0
        internal const val MIN_OVERLAP = 0.3
        private const val LN2 = 0.6931471805599453
        private const val FINE = 2 * 16 * 16 // anchors: two per cell of a 16 x 16 grid, then six of 8 x 8

        private fun cell(anchor: Int) = if (anchor < FINE) anchor / 2 else (anchor - FINE) / 6

        private fun anchorX(anchor: Int): Double =
            if (anchor < FINE) (cell(anchor) % 16 + 0.5) * 8.0 else (cell(anchor) % 8 + 0.5) * 16.0

        private fun anchorY(anchor: Int): Double =
            if (anchor < FINE) (cell(anchor) / 16 + 0.5) * 8.0 else (cell(anchor) / 8 + 0.5) * 16.0

        /** 1 / (1 + exp(-x)), with a series for exp, whose last bit differs between libraries. */
        fun sigmoid(x: Double): Double {
            val power = floor(-x / LN2 + 0.5)
            val rest = -x - power * LN2
            var series = 1.0
            for (n in 13 downTo 1) series = 1.0 + series * rest / n
            return 1.0 / (1.0 + Math.scalb(series, power.toInt()))
        }
    }
}
