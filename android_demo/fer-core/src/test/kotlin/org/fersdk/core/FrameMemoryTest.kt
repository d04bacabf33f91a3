package org.fersdk.core

import com.sun.management.ThreadMXBean
import java.io.File
import java.lang.management.ManagementFactory
import java.nio.ByteBuffer
import org.junit.Assert.assertTrue
import org.junit.Test

class FrameMemoryTest {
    @Test
    fun `a frame allocates less than 1 KiB`() {
        val bundle = "small-int8.tflite".let {
            ModelBundle.parse(it, File(Golden.models, "$it.json").readText())
        }
        val logits = FloatArray(7)
        val golden = Golden.json("detector.json")
        val case = golden.getJSONArray("cases").objects().first {
            it.getString("source") == "photo" && it.getInt("max_side") == 320
        }
        val rows = Golden.rows(golden, case)
        val network = object : Engine {
            override val place = "fake"
            override val inputShape = listOf(1, 320, 320, 3)
            override val outputSizes = listOf(rows.size)

            override fun run(input: FloatArray, outputs: List<FloatArray>) {
                rows.copyInto(outputs[0])
            }

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
        val recognizer = VideoRecognizer(YuNet(Golden.detectorBundle("yunet-float32"), network), classifier)
        val photo = Golden.source("photo")
        val bytes = bytesPerFrame { check(recognizer.recognize(photo, it / 30.0).size == 1) }
        assertTrue("$bytes bytes per frame", bytes < 1024)
    }

    @Test
    fun `reading a camera's frame allocates nothing`() {
        val reader = FrameReader()
        val buffer = ByteBuffer.allocateDirect(4 * 64 * 48)
        val bytes = bytesPerFrame { reader.read(buffer, 4 * 64, 0, 0, 64, 48, 90) }
        assertTrue("$bytes bytes per frame", bytes < 16)
    }

    /** Returns the bytes that a function allocates per call, after ten calls. */
    private fun bytesPerFrame(frame: (Int) -> Unit): Long {
        val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
        repeat(10, frame)
        val before = threads.currentThreadAllocatedBytes
        for (number in 10 until 60) frame(number)
        return (threads.currentThreadAllocatedBytes - before) / 50
    }
}
