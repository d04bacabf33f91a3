package org.fersdk.core

import com.sun.management.ThreadMXBean
import java.io.File
import java.lang.management.ManagementFactory
import org.junit.Assert.assertTrue
import org.junit.Test

class FrameMemoryTest {
    @Test
    fun `a frame allocates less than 1 KiB`() {
        val bundle = "small-int8.tflite".let {
            ModelBundle.parse(it, File(Golden.models, "$it.json").readText())
        }
        val logits = FloatArray(7)
        val face = Face().apply {
            doubleArrayOf(180.0, 80.0, 270.0, 175.0).copyInto(box)
            landmarks.rightEyeX = 203.0
            landmarks.rightEyeY = 100.0
            landmarks.leftEyeX = 247.0
            landmarks.leftEyeY = 101.0
            landmarks.mouthX = 225.0
            landmarks.mouthY = 143.0
        }
        val faces = listOf(face)
        val detector = object : FaceDetector {
            override fun detect(image: Image) = faces

            override fun close() = Unit
        }
        val engine = object : Engine {
            override val place = "fake"
            override val inputShape = listOf(1, 48, 48, 1)
            override val outputSizes = listOf(7)

            override fun run(input: FloatArray, outputs: List<FloatArray>) {
                logits.copyInto(outputs[0])
            }

            override fun close() = Unit
        }
        val classifier = SwitchingClassifier({ ExpressionClassifier(bundle, engine) }, { error("no") }, {})
        val recognizer = VideoRecognizer(detector, classifier)
        val photo = Golden.source("photo")
        val letterbox = BlazeFace.Letterbox()
        val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
        fun frames(from: Int, count: Int): Long {
            val before = threads.currentThreadAllocatedBytes
            for (number in from until from + count) {
                letterbox.fit(photo)
                recognizer.recognize(photo, number / 30.0)
            }
            return (threads.currentThreadAllocatedBytes - before) / count
        }
        frames(0, 10)
        val bytes = frames(10, 50)
        assertTrue("$bytes bytes per frame", bytes < 1024)
    }
}
