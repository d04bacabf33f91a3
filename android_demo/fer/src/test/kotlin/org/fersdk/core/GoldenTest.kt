package org.fersdk.core

import java.io.File
import org.json.JSONObject
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** The Kotlin code reproduces the golden files and has the Python SDK's default settings. */
class GoldenTest {
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
        val blazeface = golden.getJSONObject("blazeface")
        assertEquals(blazeface.getInt("side"), BlazeFace.SIDE)
        assertEquals(blazeface.getInt("anchors"), BlazeFace.ANCHORS)
        assertEquals(blazeface.getDouble("min_score"), BlazeFace.MIN_SCORE, 0.0)
        assertEquals(blazeface.getDouble("min_overlap"), BlazeFace.MIN_OVERLAP, 0.0)
        assertEquals(blazeface.getDouble("score_clip"), BlazeFace.SCORE_CLIP, 0.0)
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
    fun `letterbox gives the golden pixels`() {
        val letterbox = BlazeFace.Letterbox()
        val cases = Golden.json("blazeface.json").getJSONArray("letterboxes").objects()
        assertTrue(cases.size >= 4)
        for (case in cases) {
            letterbox.fit(Golden.source(case.getString("source")))
            val expected = Golden.image(Golden.file(case.getString("expected")))
            assertArrayEquals(case.getString("expected"), expected.levels, letterbox.pixels)
        }
    }

    @Test
    fun `sigmoid gives the golden bits`() {
        val golden = Golden.json("blazeface.json").getJSONObject("sigmoid")
        val y = golden.getJSONArray("y").doubles()
        val given = golden.getJSONArray("x").doubles().map(BlazeFace::sigmoid).toDoubleArray()
        assertArrayEquals(y, given, 0.0)
    }

    @Test
    fun `decoding gives the golden faces and crops`() {
        val golden = Golden.json("blazeface.json")
        val predictions = golden.getJSONArray("predictions").objects()
        val decoder = BlazeFace.Decoder()
        val letterbox = BlazeFace.Letterbox()
        val preprocessor = Preprocessor(bundle.input)
        val input = ByteArray(bundle.input.width * bundle.input.height)
        assertTrue(predictions.sumOf { it.getJSONArray("faces").length() } >= 20)
        for (prediction in predictions) {
            val source = Golden.source(prediction.getString("source"))
            letterbox.fit(source)
            val places = FloatArray(BlazeFace.ANCHORS * BlazeFace.VALUES)
            val logits = FloatArray(BlazeFace.ANCHORS) { golden.getDouble("background").toFloat() }
            for (number in 0 until prediction.getJSONArray("anchors").length()) {
                val anchor = prediction.getJSONArray("anchors").getInt(number)
                logits[anchor] = prediction.getJSONArray("logits").getDouble(number).toFloat()
                val row = prediction.getJSONArray("places").getJSONArray(number).doubles()
                for (value in row.indices) {
                    places[anchor * BlazeFace.VALUES + value] = row[value].toFloat()
                }
            }
            val faces = decoder.decode(places, logits, letterbox, golden.getDouble("min_score"))
            val expected = prediction.getJSONArray("faces").objects()
            val name = prediction.getString("name")
            assertEquals(name, expected.size, faces.size)
            for ((face, wanted) in faces.zip(expected)) {
                assertArrayEquals(name, wanted.getJSONArray("box_xyxy").doubles(), face.box, 0.0)
                assertEquals(name, wanted.getDouble("score"), face.score, 0.0)
                assertEquals(name, landmarksOf(wanted), face.landmarks)
                val nose = wanted.getJSONArray("nose").doubles()
                assertArrayEquals(name, nose, doubleArrayOf(face.noseX, face.noseY), 0.0)
            }
            val crops = prediction.getJSONArray("crops")
            for (number in 0 until crops.length()) {
                preprocessor.cropFace(source, faces[number].landmarks, input)
                val crop = Golden.image(Golden.file(crops.getString(number)))
                assertArrayEquals(crops.getString(number), crop.levels, input)
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
