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
        val threads = ManagementFactory.getThreadMXBean() as ThreadMXBean
        fun frames(from: Int, count: Int): Long {
            val before = threads.currentThreadAllocatedBytes
            for (number in from until from + count) {
                check(recognizer.recognize(photo, number / 30.0).size == 1)
            }
            return (threads.currentThreadAllocatedBytes - before) / count
        }
        frames(0, 10)
        val bytes = frames(10, 50)
        assertTrue("$bytes bytes per frame", bytes < 1024)
    }
}
