package org.fersdk.core

import java.io.File
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** The Kotlin code reproduces the golden files and has the Python SDK's default settings. */
class GoldenTest {
    private val detector = Golden.json("detector.json")
    private val bundle = "small-int8.tflite".let { name ->
        ModelBundle.parse(name, File(Golden.models, "$name.json").readText())
    }

    @Test
    fun `default settings are Python's`() {
        val golden = Golden.json("defaults.json")
        val smoothing = golden.getJSONObject("smoothing")
        assertEquals(
            SmoothingSettings(smoothing.getDouble("time_constant_s"), smoothing.getDouble("margin")),
            SmoothingSettings(),
        )
        val tracking = golden.getJSONObject("tracking")
        assertEquals(
            TrackingSettings(
                tracking.getDouble("max_gap_s"), tracking.getDouble("min_iou"),
                tracking.getDouble("max_shift"),
            ),
            TrackingSettings(),
        )
        assertEquals(tracking.getDouble("duplicate_above"), FaceTracker.DUPLICATE_ABOVE, 0.0)
        assertEquals(tracking.getDouble("max_growth"), FaceTracker.MAX_GROWTH, 0.0)
        val detector = golden.getJSONObject("detector")
        assertEquals(YuNetDecoder.STRIDES, detector.getJSONArray("strides").toList())
        assertEquals(detector.getInt("columns"), YuNetDecoder.COLUMNS)
        assertEquals(detector.getDouble("min_score"), YuNet.MIN_SCORE, 0.0)
        assertEquals(detector.getDouble("max_overlap"), YuNetDecoder.MAX_OVERLAP, 0.0)
        assertEquals(detector.getDouble("logit_clip"), YuNetDecoder.LOGIT_CLIP, 0.0)
        assertEquals(detector.getDouble("size_clip"), YuNetDecoder.SIZE_CLIP, 0.0)
        val sidecar = golden.getJSONObject("sidecar")
        assertEquals(sidecar.getInt("schema"), ModelBundle.SCHEMA)
        val precisions = sidecar.getJSONArray("precisions")
        assertEquals(precisions.map { it as String }.toSet(), ModelBundle.PRECISIONS)
        assertEquals(golden.getJSONObject("input").getString("resize"), ModelBundle.RESIZE)
    }

    @Test
    fun `pre-processing gives the golden pixels`() {
        val golden = Golden.json("preprocess.json")
        val preprocessor = Preprocessor(bundle.input)
        val input = ByteArray(bundle.input.width * bundle.input.height)
        val cases = golden.getJSONArray("cases").objects()
        assertTrue(cases.size >= 9)
        for (case in cases) {
            val source = Golden.source(case.getString("source"))
            if (case.getString("kind") == "crop") {
                preprocessor.cropFace(source, landmarksOf(case), input)
            } else {
                preprocessor.resize(source, input)
            }
            val expected = Golden.image(Golden.file(case.getString("expected")))
            assertArrayEquals(case.getString("expected"), expected.levels, input)
        }
    }

    @Test
    fun `the detector's input has the golden sizes and pixels`() {
        for (case in detector.getJSONArray("fitted").map { (it as JSONArray).doubles() }) {
            val (width, height, side) = case.map { it.toInt() }
            val input = DetectorInput(side, side).apply { fit(width, height) }
            assertEquals(case.drop(3).map { it.toInt() }, listOf(input.fittedWidth, input.fittedHeight))
        }
        val cases = detector.getJSONArray("searched").objects()
        assertTrue(cases.size >= 5)
        for (case in cases) {
            val side = case.getInt("max_side")
            val input = DetectorInput(side, side)
            input.fill(Image(side, side, 3).apply { levels.fill(99) })
            input.fill(Golden.source(case.getString("source")))
            val expected = Golden.image(Golden.file(case.getString("expected")))
            assertEquals(listOf(expected.width, expected.height), listOf(input.fittedWidth, input.fittedHeight))
            for (y in 0 until side) for (x in 0 until side) for (channel in 0 until 3) {
                val inside = x < expected.width && y < expected.height
                val level =
                    if (inside) expected.levels[3 * (y * expected.width + x) + 2 - channel].toInt() and 0xFF else 0
                assertEquals(level.toFloat(), input.tensor[3 * (y * side + x) + channel], 0f)
            }
        }
    }

    @Test
    fun `sigmoid gives the golden bits`() {
        val golden = detector.getJSONObject("sigmoid")
        val given = golden.getJSONArray("x").doubles().map(YuNetDecoder::sigmoid).toDoubleArray()
        assertArrayEquals(golden.getJSONArray("y").doubles(), given, 0.0)
    }

    @Test
    fun `decoding gives the golden rows`() {
        val cases = detector.getJSONArray("cases").objects() + detector.getJSONArray("synthetic").objects()
        assertEquals(setOf("yunet-float32", "yunet-int8"), cases.map { it.getString("detector") }.toSet())
        for (case in cases) {
            val (height, width) = case.getJSONArray("input_hw").doubles().map { it.toInt() }
            val factors = Golden.detectorBundle(case.getString("detector")).factors
            val decoder = YuNetDecoder(height, width, factors, detector.getDouble("min_score"))
            assertEquals(case.getInt("cells"), decoder.rows)
            val expected = case.getJSONArray("decoded")
            assertEquals(expected.length(), decoder.decode(Golden.rows(detector, case)))
            for (face in 0 until expected.length()) {
                val given = DoubleArray(YuNetDecoder.SCORE + 1) { decoder.value(face, it) }
                assertArrayEquals(case.toString(), expected.getJSONArray(face).doubles(), given, 0.0)
            }
        }
    }

    @Test
    fun `detection gives the golden faces`() {
        val cases = detector.getJSONArray("cases").objects()
        assertTrue(cases.sumOf { it.getJSONArray("faces").length() } >= 10)
        for (case in cases) {
            val bundle = Golden.detectorBundle(case.getString("detector"))
            val yunet = YuNet(bundle, Golden.engine(detector, case))
            val faces = yunet.detect(Golden.source(case.getString("source")))
            val expected = case.getJSONArray("faces").objects()
            assertEquals(expected.size, faces.size)
            for ((face, wanted) in faces.zip(expected)) {
                assertArrayEquals(wanted.getJSONArray("box_xyxy").doubles(), face.box, 0.0)
                assertEquals(wanted.getDouble("score"), face.score, 0.0)
                assertEquals(landmarksOf(wanted), face.landmarks)
                val nose = wanted.getJSONArray("nose").doubles()
                assertArrayEquals(nose, doubleArrayOf(face.noseX, face.noseY), 0.0)
            }
        }
    }

    @Test
    fun `smoothing gives the golden probabilities and labels`() {
        for (case in Golden.json("smoothing.json").getJSONArray("cases").objects()) {
            val settings = case.getJSONObject("settings").let {
                SmoothingSettings(it.getDouble("time_constant_s"), it.getDouble("margin"))
            }
            val steps = case.getJSONArray("steps").objects()
            val smoother = Smoother(steps[0].getJSONArray("probabilities").length(), settings)
            for (step in steps) {
                val frame = step.getJSONArray("probabilities").doubles()
                smoother.update(frame, step.getDouble("time_s"))
                val smoothed = step.getJSONArray("smoothed").doubles()
                assertArrayEquals(case.getString("name"), smoothed, smoother.probabilities, 1e-12)
                assertEquals(case.getString("name"), step.getInt("label"), smoother.label)
            }
        }
    }

    @Test
    fun `tracking gives the golden ids`() {
        for (case in Golden.json("tracks.json").getJSONArray("cases").objects()) {
            val settings = case.getJSONObject("settings").let {
                TrackingSettings(
                    it.getDouble("max_gap_s"), it.getDouble("min_iou"), it.getDouble("max_shift")
                )
            }
            val tracker = FaceTracker(settings)
            for (step in case.getJSONArray("steps").objects()) {
                val boxes = step.getJSONArray("boxes").let { List(it.length()) { n -> it.getJSONArray(n).doubles() } }
                val ids = IntArray(boxes.size)
                tracker.update(boxes, step.getDouble("time_s"), step.getBoolean("may_begin"), ids)
                val expected = step.getJSONArray("ids").let {
                    IntArray(it.length()) { n -> if (it.isNull(n)) FaceTracker.NONE else it.getInt(n) }
                }
                assertArrayEquals(case.getString("name"), expected, ids)
            }
        }
    }

    @Test
    fun `priors give the golden probabilities`() {
        val golden = Golden.json("prior.json")
        val labels = golden.getJSONArray("labels").map { it as String }
        val priors = golden.getJSONObject("priors").let { all ->
            all.keys().asSequence().associateWith { name ->
                val prior = all.getJSONObject(name)
                Prior(prior.getJSONArray("offsets").doubles(), prior.getDouble("temperature"))
            }
        }
        val model = bundle.copy(
            labels = labels, temperature = golden.getDouble("temperature"), priors = priors,
            defaultPrior = golden.getString("default_prior"),
        )
        val rows = golden.getJSONArray("logits")
        val expression = Expression(labels)
        for (case in golden.getJSONArray("cases").objects()) {
            val wanted = case.get("prior")
            val prior = if (wanted is String) model.prior(wanted) else (wanted as JSONObject).let { shares ->
                val given = shares.keys().asSequence().associateWith { shares.getDouble(it) }
                Prior.forShares(model.prior(Prior.BALANCED), labels, given)
            }
            for (row in 0 until rows.length()) {
                val logits = rows.getJSONArray(row).doubles().map { it.toFloat() }.toFloatArray()
                val engine = FakeEngine(outputSizes = listOf(labels.size)) { listOf(logits) }
                ExpressionClassifier(model, engine, prior).classify(ByteArray(48 * 48), expression)
                val expected = case.getJSONArray("probabilities").getJSONArray(row).doubles()
                assertArrayEquals(wanted.toString(), expected, expression.probabilities, 1e-6)
            }
        }
        assertEquals(model.prior("everyday"), model.prior())
        assertThrows(FerException::class.java) { model.prior("unknown") }
        assertThrows(FerException::class.java) {
            Prior.forShares(model.prior(Prior.BALANCED), labels, mapOf("happy" to 1.0))
        }
    }

    private fun landmarksOf(json: JSONObject) = landmarks(
        json.getJSONArray("right_eye"), json.getJSONArray("left_eye"), json.getJSONArray("mouth")
    )
}
