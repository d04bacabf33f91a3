package org.fersdk.demo

import android.graphics.Rect
import androidx.camera.core.ImageInfo
import androidx.camera.core.ImageProxy
import java.nio.ByteBuffer
import java.util.Random
import java.util.concurrent.atomic.AtomicInteger
import org.fersdk.core.Engine
import org.fersdk.core.EngineException
import org.fersdk.core.Face
import org.fersdk.core.FaceDetector
import org.fersdk.core.Image

/** A detector that finds one frontal face in every frame. */
class FakeDetector : FaceDetector {
    private val face = Face()
    val closed = AtomicInteger()
    var box = doubleArrayOf(10.0, 20.0, 40.0, 60.0)
    var noseX = 25.0
    var hasPoints = true

    override fun detect(image: Image): List<Face> {
        box.copyInto(face.box)
        face.landmarks.run {
            rightEyeX = if (hasPoints) 18.0 else 0.0
            rightEyeY = if (hasPoints) 32.0 else 0.0
            leftEyeX = if (hasPoints) 32.0 else 0.0
            leftEyeY = if (hasPoints) 32.0 else 0.0
            mouthX = if (hasPoints) 25.0 else 0.0
            mouthY = if (hasPoints) 46.5 else 0.0
        }
        setNose(noseX, 40.0)
        return listOf(face)
    }

    /** The nose can be set within the library only. */
    private fun setNose(x: Double, y: Double) {
        for ((name, value) in listOf("noseX" to x, "noseY" to y)) {
            Face::class.java.getDeclaredField(name).apply { isAccessible = true }.setDouble(face, value)
        }
    }

    override fun close() {
        closed.incrementAndGet()
    }
}

/** An engine whose logits are computed by their index; by default, happy has the largest. */
class FakeEngine(
    override val place: String, labels: Int, private val fails: Boolean = false,
    private val logit: (Int) -> Float = { if (it == 3) 6f else 0f },
) : Engine {
    override val inputShape = listOf(1, 48, 48, 1)
    override val outputSizes = listOf(labels)

    override fun run(input: FloatArray, outputs: List<FloatArray>) {
        if (fails) throw EngineException("$place lost its device")
        for (at in outputs[0].indices) outputs[0][at] = logit(at)
    }

    override fun close() = Unit
}

/** A camera frame of noise, upright 64 x 80 pixels at rotations of 90 and 270 degrees. */
class FakeFrame(private val rotation: Int) : ImageProxy {
    var isClosed = false
        private set

    override fun close() {
        isClosed = true
    }

    override fun getCropRect() = Rect(0, 0, 80, 64)

    override fun getPlanes() = arrayOf<ImageProxy.PlaneProxy>(
        object : ImageProxy.PlaneProxy {
            override fun getRowStride() = 4 * 80

            override fun getBuffer(): ByteBuffer = ByteBuffer.wrap(ByteArray(4 * 80 * 64).also { Random(0).nextBytes(it) })
        }
    )

    override fun getImageInfo() = object : ImageInfo {
        override fun getRotationDegrees() = rotation

        override fun getTimestamp() = 0L
    }
}
