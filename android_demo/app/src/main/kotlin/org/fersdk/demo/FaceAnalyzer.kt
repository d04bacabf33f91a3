package org.fersdk.demo

import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import org.fersdk.core.FerException
import org.fersdk.core.FrameReader
import org.fersdk.core.TrackedFace
import org.fersdk.core.VideoRecognizer

/**
 * The faces of one camera frame, overwritten by the next.
 *
 * @property width width of the upright image.
 * @property height height of the upright image.
 * @property rotationDegrees clockwise rotation that made the image upright.
 */
class FrameFaces(
    val faces: List<TrackedFace>, val width: Int, val height: Int, val rotationDegrees: Int
)

/**
 * Recognizes the visible part of each camera frame. All methods run on the analysis thread.
 *
 * @param show receives the faces.
 * @param fail receives the reason in one line when recognition ends.
 */
class FaceAnalyzer(
    val recognizer: VideoRecognizer,
    private val show: (FrameFaces) -> Unit,
    private val fail: (String) -> Unit,
) : ImageAnalysis.Analyzer, AutoCloseable {
    private val reader = FrameReader()
    private var ended = false

    override fun analyze(image: ImageProxy) {
        image.use {
            if (ended) return
            val plane = image.planes[0]
            val part = image.cropRect
            val rotation = image.imageInfo.rotationDegrees
            val upright = reader.read(
                plane.buffer, plane.rowStride, part.left, part.top, part.width(), part.height(), rotation,
            )
            try {
                val faces = recognizer.recognize(upright, System.nanoTime() / 1e9)
                show(FrameFaces(faces, upright.width, upright.height, rotation))
            } catch (error: FerException) {
                close()
                fail(error.message.orEmpty())
            }
        }
    }

    override fun close() {
        ended = true
        recognizer.close()
    }
}
