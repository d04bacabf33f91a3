package org.fersdk.core

import java.io.File
import java.nio.ByteBuffer
import kotlin.math.abs
import org.json.JSONArray
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** An engine whose output is computed by a function. */
class FakeEngine(
    override val place: String = "fake",
    override val inputShape: List<Int> = listOf(1, 48, 48, 1),
    override val outputSizes: List<Int> = listOf(7),
    private val output: (FloatArray) -> List<FloatArray>,
) : Engine {
    var closed = 0

    override fun run(input: FloatArray, outputs: List<FloatArray>) =
        output(input).forEachIndexed { at, values -> values.copyInto(outputs[at]) }

    override fun close() {
        closed++
    }
}

class RecognizerTest {
    private val bundle = "small-int8.tflite".let {
        ModelBundle.parse(it, File(Golden.models, "$it.json").readText())
    }.copy(defaultPrior = Prior.TRAINING)
    private val logits = floatArrayOf(0f, 0f, 0f, 3f, 0f, 0f, 1f)

    @Test
    fun `crop transforms are Python's within 1e-11`() {
        val cases = JSONArray(File(Golden.generated, "crops.json").readText()).objects()
        val preprocessor = Preprocessor(bundle.input)
        val affine = Affine()
        for (case in cases) {
            val p = case.getJSONArray("points").doubles()
            preprocessor.cropTransform(Landmarks(p[0], p[1], p[2], p[3], p[4], p[5]), affine)
            val given = doubleArrayOf(affine.xx, affine.xy, affine.x0, affine.yx, affine.yy, affine.y0)
            val expected = case.getJSONArray("affine").doubles()
            for (at in expected.indices) {
                assertTrue(abs(expected[at] - given[at]) <= 1e-11 * (1 + abs(expected[at])))
            }
        }
        assertEquals(500, cases.size)
    }

    @Test
    fun `coinciding and non-finite points are refused`() {
        val preprocessor = Preprocessor(bundle.input)
        for (bad in listOf(Landmarks(1.0, 1.0, 1.0, 1.0, 1.0, 1.0), Landmarks(mouthX = Double.NaN))) {
            assertThrows(FerException::class.java) {
                preprocessor.cropFace(Image(9, 9, 1), bad, ByteArray(48 * 48))
            }
        }
    }

    @Test
    fun `softmax applies the temperature, and a low confidence is uncertain`() {
        val expression = Expression(bundle.labels)
        val half = logits.map { it / 4 }.toFloatArray()
        ExpressionClassifier(bundle, FakeEngine { listOf(logits) }).classify(ByteArray(48 * 48), expression)
        assertEquals("happy", expression.label)
        assertEquals(1.0, expression.probabilities.sum(), 1e-12)
        val lead = expression.probabilities[3] / expression.probabilities[6]
        assertEquals(Math.exp(2 / bundle.temperature), lead, 1e-9)
        assertFalse(expression.uncertain)
        ExpressionClassifier(bundle, FakeEngine { listOf(half) }).classify(ByteArray(48 * 48), expression)
        assertTrue(expression.uncertain)
    }

    @Test
    fun `non-finite output switches to the second engine once, with a report`() {
        val reports = mutableListOf<String>()
        val gpu = FakeEngine("GPU") { listOf(FloatArray(7) { Float.NaN }) }
        val cpu = FakeEngine("CPU") { listOf(logits) }
        val expression = Expression(bundle.labels)
        SwitchingClassifier(
            { ExpressionClassifier(bundle, gpu) }, { ExpressionClassifier(bundle, cpu) }, reports::add
        ).use {
            assertEquals("GPU", it.classifier.place)
            it.classify(ByteArray(48 * 48), expression)
            it.classify(ByteArray(48 * 48), expression)
            assertEquals("CPU", it.classifier.place)
        }
        assertEquals("happy", expression.label)
        assertEquals(1, reports.size)
        assertTrue(reports.single(), "NaN" in reports.single() && "CPU" in reports.single())
        assertEquals(1, gpu.closed)
        assertEquals(1, cpu.closed)
    }

    @Test
    fun `an engine that cannot be opened is reported, a failure of the second one is thrown`() {
        val reports = mutableListOf<String>()
        val broken = FakeEngine("CPU") { throw EngineException("no kernel") }
        val switching = SwitchingClassifier(
            { throw EngineException("no GPU here") }, { ExpressionClassifier(bundle, broken) }, reports::add
        )
        assertEquals(listOf("no GPU here; switched to ${bundle.model} on CPU"), reports)
        assertThrows(EngineException::class.java) {
            switching.classify(ByteArray(48 * 48), Expression(bundle.labels))
        }
    }

    @Test
    fun `a second model with other labels is refused`() {
        val other = bundle.copy(labels = bundle.labels.reversed())
        val switching = SwitchingClassifier(
            { ExpressionClassifier(bundle, FakeEngine { throw EngineException("gone") }) },
            { ExpressionClassifier(other, FakeEngine { listOf(logits) }) }, {},
        )
        assertThrows(BundleException::class.java) {
            switching.classify(ByteArray(48 * 48), Expression(bundle.labels))
        }
    }

    @Test
    fun `without a fallback both reasons are thrown`() {
        val gpu = FakeEngine("GPU") { listOf(FloatArray(7) { Float.NaN }) }
        val switching = SwitchingClassifier(
            { ExpressionClassifier(bundle, gpu) }, { throw EngineException("no other model has the labels") }, {},
        )
        val error = assertThrows(EngineException::class.java) {
            switching.classify(ByteArray(48 * 48), Expression(bundle.labels))
        }
        assertTrue("$error", "NaN" in error.message!! && "no fallback: no other model" in error.message!!)
    }

    @Test
    fun `other predictions for the sample face are refused`() {
        fun classifier(shift: Float) = ExpressionClassifier(
            bundle, FakeEngine("shift $shift") { input -> listOf(logits.copyOf().also { it[3] += shift + input[0] / 255 }) }
        )
        SampleFace.check(classifier(0.01f), classifier(0f))
        val error = assertThrows(EngineException::class.java) { SampleFace.check(classifier(-1f), classifier(0f)) }
        assertTrue("$error", error.message!!.startsWith("shift -1.0 gives other probabilities for the sample face"))
        val crop = Golden.image(Golden.file("crop-photo-downscaled.png"))
        assertArrayEquals(crop.levels, SampleFace.input(bundle.input))
    }

    @Test
    fun `frames are rotated upright, with cropping and padded rows`() {
        // A rectangle of 3 x 2 pixels in a 5 x 4 buffer with 3 bytes of padding per row.
        val stride = 4 * 5 + 3
        val buffer = ByteBuffer.allocateDirect(4 * stride)
        for (y in 0 until 2) for (x in 0 until 3) {
            val at = (y + 1) * stride + 4 * (x + 2)
            buffer.put(at, (10 * y + x).toByte()).put(at + 1, 100).put(at + 2, (200 + x).toByte())
        }
        val reader = FrameReader()
        fun reds(rotation: Int): List<List<Int>> {
            val image = reader.read(buffer, stride, 2, 1, 3, 2, rotation)
            return List(image.height) { y ->
                List(image.width) { x -> image.levels[3 * (y * image.width + x)].toInt() }
            }
        }
        assertEquals(listOf(listOf(0, 1, 2), listOf(10, 11, 12)), reds(0))
        assertEquals(listOf(listOf(10, 0), listOf(11, 1), listOf(12, 2)), reds(90))
        assertEquals(listOf(listOf(12, 11, 10), listOf(2, 1, 0)), reds(180))
        assertEquals(listOf(listOf(2, 12), listOf(1, 11), listOf(0, 10)), reds(270))
        reds(0)
        assertArrayEquals(byteArrayOf(0, 100, 200.toByte()), reader.image.levels.copyOf(3))
        assertThrows(IllegalArgumentException::class.java) { reds(45) }
    }

    @Test
    fun `a front camera's boxes are mirrored, a back camera's are not`() {
        val view = FloatArray(4)
        val transform = ViewTransform()
        val box = doubleArrayOf(48.0, 64.0, 96.0, 128.0) // in the left part of a 480 x 640 image
        transform.set(480, 640, 960, 1280, mirrored = false)
        transform.map(box, view)
        assertArrayEquals(floatArrayOf(96f, 128f, 192f, 256f), view, 0f)
        transform.set(480, 640, 960, 1280, mirrored = true)
        transform.map(box, view)
        assertArrayEquals(floatArrayOf(768f, 128f, 864f, 256f), view, 0f)
    }

    @Test
    fun `boxes of an image that is turned relative to the view are turned back`() {
        // One place in what a back camera's view of 128 x 160 shows, seen in four orientations of the phone.
        val boxes = mapOf(
            0 to listOf(10, 20, 40, 60), 90 to listOf(20, 10, 60, 40),
            180 to listOf(24, 20, 54, 60), 270 to listOf(20, 24, 60, 54),
        )
        val view = FloatArray(4)
        for ((turned, box) in boxes) {
            val sideways = turned % 180 != 0
            val transform = ViewTransform()
            transform.set(if (sideways) 80 else 64, if (sideways) 64 else 80, 128, 160, false, turned)
            transform.map(box.map { it.toDouble() }.toDoubleArray(), view)
            assertArrayEquals("$turned", floatArrayOf(20f, 40f, 80f, 120f), view, 0f)
        }
        assertThrows(IllegalArgumentException::class.java) { ViewTransform().set(1, 1, 1, 1, false, 45) }
    }

    @Test
    fun `the face in a rotated front-camera frame is the golden one, and its box is mirrored`() {
        // The sample photo as a sensor frame that must be rotated by 270 degrees.
        val photo = Golden.source("photo")
        val rgba = ByteBuffer.allocateDirect(4 * photo.width * photo.height)
        for (y in 0 until photo.height) for (x in 0 until photo.width) {
            val to = 4 * (x * photo.height + (photo.height - 1 - y))
            for (c in 0 until 3) rgba.put(to + c, photo.levels[3 * (y * photo.width + x) + c])
        }
        val image = FrameReader().read(rgba, 4 * photo.height, 0, 0, photo.height, photo.width, 270)
        val recognizer = VideoRecognizer(detector(), switching())
        val face = recognizer.recognize(image, 0.0).single()
        assertTrue("upright and not mirrored", face.box[0] in 175.0..182.0 && face.box[2] in 268.0..276.0)
        val view = FloatArray(4)
        ViewTransform().apply { set(image.width, image.height, 512, 512, mirrored = true) }.map(face.box, view)
        assertEquals(512 - face.box[2], view[0].toDouble(), 1e-3)
    }

    @Test
    fun `a video keeps ids and ends the tracks of lost faces`() {
        val recognizer = VideoRecognizer(detector(), switching())
        val photo = Golden.source("photo")
        val first = recognizer.recognize(photo, 0.0).single()
        assertEquals(1, first.id)
        assertEquals("happy", first.label)
        assertTrue(recognizer.detectNs > 0 && recognizer.classifyNs > 0)
        assertEquals(1, recognizer.recognize(photo, 0.04).single().id)
        assertEquals(0, recognizer.recognize(Golden.source("wide"), 0.08).size)
        assertEquals(1, recognizer.recognize(photo, 0.5).single().id)
        assertEquals(2, recognizer.recognize(photo, 2.0).single().id)
    }

    @Test
    fun `non-finite detector output is refused`() {
        for (column in listOf(1, 7)) { // a logit, a point
            val engine = Golden.engine(golden, photo) {
                Golden.rows(golden, photo).apply {
                    val row = photo.getJSONArray("indices").getInt(0)
                    this[row * YuNetDecoder.COLUMNS + column] = Float.NaN
                }
            }
            YuNet(Golden.detectorBundle("yunet-float32"), engine).use {
                assertThrows(EngineException::class.java) { it.detect(Golden.source("photo")) }
            }
            assertEquals(1, engine.closed)
        }
    }

    @Test
    fun `a detector network of another shape is closed and refused`() {
        val bundle = Golden.detectorBundle("yunet-float32")
        for ((shape, size) in listOf(
            listOf(1, 320, 320, 1) to 33600, listOf(1, 320, 300, 3) to 33600, listOf(1, 320) to 33600,
            listOf(1, 320, 320, 3) to 33616,
        )) {
            val engine = FakeEngine(inputShape = shape, outputSizes = listOf(size)) { emptyList() }
            val error = assertThrows(EngineException::class.java) { YuNet(bundle, engine) }
            assertTrue("$error", "$shape" in error.message.orEmpty())
            assertEquals(1, engine.closed)
        }
    }

    @Test
    fun `percentiles of the last runs are NumPy's`() {
        val latency = Latency(5)
        assertTrue(latency.percentileMs(50.0).isNaN())
        for (ms in listOf(100, 1, 2, 3, 4, 10)) latency.add(ms * 1_000_000L)
        assertEquals(5, latency.count)
        assertEquals(3.0, latency.percentileMs(50.0), 1e-12)
        assertEquals(7.6, latency.percentileMs(90.0), 1e-12)
        assertEquals(10.0, latency.percentileMs(100.0), 1e-12)
        assertArrayEquals(longArrayOf(1, 2, 3, 4, 10).map { it * 1_000_000 }.toLongArray(), latency.values())
    }

    private fun switching() = SwitchingClassifier(
        { ExpressionClassifier(bundle, FakeEngine { listOf(logits) }) }, { error("not needed") }, {}
    )

    private val golden = Golden.json("detector.json")
    private val photo = golden.getJSONArray("cases").objects().first {
        it.getString("source") == "photo" && it.getInt("max_side") == 320
    }

    /** A detector that finds the golden face in the sample photo, and no face in other images. */
    private fun detector(): YuNet {
        val expected = DetectorInput(320, 320).apply { fill(Golden.source("photo")) }.tensor
        val engine = Golden.engine(golden, photo) { input ->
            Golden.rows(golden, photo).takeUnless { input.contentEquals(expected) }?.apply { fill(-100f) }
        }
        return YuNet(Golden.detectorBundle(photo.getString("detector")), engine)
    }
}
