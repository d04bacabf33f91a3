package org.fersdk.core

import kotlin.math.abs
import kotlin.math.atan2
import kotlin.math.hypot
import kotlin.math.roundToInt
import kotlin.math.sqrt

/**
 * Limits from which on a face image counts as unsuitable. The defaults are the Python SDK's.
 *
 * @property minSizePx least [FaceQuality.sizePx].
 * @property minSharpness least [FaceQuality.sharpness].
 * @property maxTurnDegrees largest absolute value of yaw and pitch.
 */
data class QualityLimits(
    val minSizePx: Double = 30.0, val minSharpness: Double = 0.25, val maxTurnDegrees: Double = 35.0
) {
    init {
        for ((name, limit) in listOf(
            "minSizePx" to minSizePx, "minSharpness" to minSharpness, "maxTurnDegrees" to maxTurnDegrees,
        )) require(limit >= 0 && limit.isFinite()) { "$name must be 0 or more, but is $limit" }
    }
}

/**
 * Quality of a face image, as `fer_sdk.quality` measures it; overwritten by each [measure].
 *
 * Angles are estimates from the landmarks, in degrees.
 */
class FaceQuality(private val limits: QualityLimits = QualityLimits()) {
    /** Width of the face in the image, in pixels. */
    var sizePx = 0.0
        private set

    /** Standard deviation of the Laplacian divided by that of the grey levels. */
    var sharpness = 0.0
        private set

    /** Rotation to the side. */
    var yawDegrees = 0.0
        private set

    /** Rotation up or down. */
    var pitchDegrees = 0.0
        private set

    /** Tilt in the plane of the image. */
    var rollDegrees = 0.0
        private set
    private var upsideDown = false
    private val transform = Affine()

    /** Whether the image is suitable: no limit is exceeded. */
    val good: Boolean
        get() = !upsideDown && sizePx >= limits.minSizePx && sharpness >= limits.minSharpness &&
            abs(yawDegrees) <= limits.maxTurnDegrees && abs(pitchDegrees) <= limits.maxTurnDegrees

    /** One line for each limit that is exceeded. */
    val reasons: List<String>
        get() = buildList {
            if (upsideDown) add("upside down: the mouth is above the eyes")
            if (sizePx < limits.minSizePx) {
                add("small: ${sizePx.roundToInt()} px, under ${limits.minSizePx.roundToInt()}")
            }
            if (sharpness < limits.minSharpness) {
                add("blurred: sharpness %.2f, under %.2f".format(null, sharpness, limits.minSharpness))
            }
            for ((name, angle) in listOf("turned aside" to yawDegrees, "turned up or down" to pitchDegrees)) {
                if (abs(angle) > limits.maxTurnDegrees) {
                    add("$name: ${angle.roundToInt()} degrees, over ${limits.maxTurnDegrees.roundToInt()}")
                }
            }
        }

    /**
     * Measures a face; allocates no memory.
     *
     * @param crop [CROP]'s grey levels, row by row.
     * @param face its landmarks in pixels of the image.
     * @throws FerException if the landmarks define no crop.
     */
    fun measure(crop: ByteArray, face: Face) {
        val points = face.landmarks
        preprocessor.cropTransform(points, transform)
        sizePx = CROP.width * transform.scale
        sharpness = sharpness(crop)
        upsideDown = points.mouthY < (points.rightEyeY + points.leftEyeY) / 2
        measurePose(points, face.noseX, face.noseY)
    }

    /**
     * Estimates the pose from the position of the nose between eyes and mouth, under an orthographic
     * projection.
     */
    private fun measurePose(points: Landmarks, noseX: Double, noseY: Double) {
        val eyesX = points.leftEyeX - points.rightEyeX
        val eyesY = points.leftEyeY - points.rightEyeY
        val distance = hypot(eyesX, eyesY)
        pitchDegrees = NO_FACE_DEGREES
        if (distance == 0.0) {
            yawDegrees = NO_FACE_DEGREES
            rollDegrees = 0.0
            return
        }
        val acrossX = eyesX / distance
        val acrossY = eyesY / distance
        val middleX = (points.leftEyeX + points.rightEyeX) / 2
        val middleY = (points.leftEyeY + points.rightEyeY) / 2
        val aside = ((noseX - middleX) * acrossX + (noseY - middleY) * acrossY) / distance
        val noseDown = (noseY - middleY) * acrossX - (noseX - middleX) * acrossY
        val mouthDown = (points.mouthY - middleY) * acrossX - (points.mouthX - middleX) * acrossY
        yawDegrees = Math.toDegrees(atan2(aside, NOSE_DEPTH))
        rollDegrees = Math.toDegrees(atan2(eyesY, eyesX))
        if (mouthDown <= 0) return
        val share = noseDown / mouthDown
        pitchDegrees = Math.toDegrees(
            atan2(NOSE_DOWN - share * MOUTH_DOWN, NOSE_DEPTH - share * MOUTH_DEPTH)
        )
    }

    companion object {
        /** The crop that is measured: that of FER2013, 48 x 48. */
        val CROP = InputSpec(48, 48, CropSpec(Point(14.3, 18.3), Point(32.7, 18.3), Point(23.5, 36.1)))
        private val preprocessor = Preprocessor(CROP)
        private const val NO_FACE_DEGREES = 90.0

        // Distances below the midpoint of the eyes, and in front of their plane, in eye distances; the
        // sources are in fer_sdk.quality.
        private const val NOSE_DOWN = 0.57
        private const val MOUTH_DOWN = 1.04
        private const val NOSE_DEPTH = 0.66
        private const val MOUTH_DEPTH = 0.11

        private fun sharpness(crop: ByteArray): Double {
            val levels = deviation(crop, CENTRE)
            return if (levels > 0) deviation(crop, LAPLACIAN) / levels else 0.0
        }

        /** Standard deviation, over the pixels that have four neighbours, of a filter's output. */
        private fun deviation(crop: ByteArray, filter: Int): Double {
            val width = CROP.width
            var sum = 0L
            var squares = 0L
            for (y in 1 until CROP.height - 1) for (x in 1 until width - 1) {
                val at = y * width + x
                val level = crop[at].toInt() and 0xFF
                val value = if (filter == CENTRE) level else {
                    (crop[at - width].toInt() and 0xFF) + (crop[at + width].toInt() and 0xFF) +
                        (crop[at - 1].toInt() and 0xFF) + (crop[at + 1].toInt() and 0xFF) - 4 * level
                }
                sum += value
                squares += value.toLong() * value
            }
            val count = (width - 2L) * (CROP.height - 2L)
            // Exact in whole numbers up to the division: count^2 times the variance.
            return sqrt((count * squares - sum * sum).toDouble()) / count
        }

        private const val CENTRE = 0
        private const val LAPLACIAN = 1
    }
}
