package org.fersdk.demo

import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import org.fersdk.core.EngineException
import org.fersdk.core.FerException
import org.fersdk.core.FrameReader
import org.fersdk.core.TrackedFace
import org.fersdk.core.VideoRecognizer

/**
 * Recognizes the visible part of each camera frame. All methods run on the analysis thread.
 *
 * @param show receives the faces, and width and height of the upright image.
 * @param fail receives the reason in one line when recognition ends.
 */
class FaceAnalyzer(
    private val recognizer: VideoRecognizer,
    private val show: (faces: List<TrackedFace>, width: Int, height: Int) -> Unit,
    private val fail: (String) -> Unit,
) : ImageAnalysis.Analyzer, AutoCloseable {
    private val reader = FrameReader()
    private var ended = false

    override fun analyze(image: ImageProxy) {
        image.use {
            if (ended) return
            val plane = image.planes[0]
            val part = image.cropRect
            val upright = reader.read(
                plane.buffer, plane.rowStride, part.left, part.top, part.width(), part.height(),
                image.imageInfo.rotationDegrees,
            )
            try {
                val faces = recognizer.recognize(upright, System.nanoTime() / 1e9)
                show(faces, upright.width, upright.height)
            } catch (error: EngineException) {
                end(error)
            }
        }
    }

    /** Ends all tracks, because the camera changes. */
    fun forget() = recognizer.forget()

    override fun close() {
        ended = true
        recognizer.close()
    }

    private fun end(error: FerException) {
        close()
        fail(error.message.orEmpty())
    }
}
