package org.fersdk.core

import java.io.File
import kotlin.math.ln
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNotNull
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** A person's own neutral: Python's golden files, and streams that measure it. */
class BaselineTest {
    private val golden = Golden.json("baseline.json")
    private val bundle = "small-int8.tflite".let {
        ModelBundle.parse(it, File(Golden.models, "$it.json").readText())
    }.copy(defaultPrior = Prior.TRAINING, temperature = 1.0)
    private val rest = doubleArrayOf(0.02, 0.01, 0.01, 0.06, 0.1, 0.02, 0.78)
    private val smile = doubleArrayOf(0.01, 0.01, 0.01, 0.7, 0.02, 0.05, 0.2)
    private val good = quality("crop-photo-downscaled.png", face(60.0))
    private val blurred = FaceQuality().apply { measure(ByteArray(48 * 48), face(60.0)) }

    @Test
    fun `default settings are Python's`() {
        val defaults = Golden.json("defaults.json")
        val baseline = defaults.getJSONObject("baseline")
        assertEquals(settings(baseline, baseline.getDouble("min_sharpness")), BaselineSettings())
        assertEquals(baseline.getInt("min_faces"), Baseline.MIN_FACES)
        assertEquals(baseline.getDouble("max_spread"), Baseline.MAX_SPREAD, 0.0)
        assertEquals(baseline.getDouble("max_seconds"), PersonalBaselines.MAX_SECONDS, 0.0)
        val limits = defaults.getJSONObject("quality")
        assertEquals(
            QualityLimits(
                limits.getDouble("min_size_px"), limits.getDouble("min_sharpness"),
                limits.getDouble("max_turn_degrees"),
            ),
            QualityLimits(),
        )
        val input = defaults.getJSONObject("input")
        val crop = input.getJSONObject("crop")
        fun point(name: String) = crop.getJSONArray(name).doubles().let { Point(it[0], it[1]) }
        assertEquals(
            InputSpec(
                input.getInt("height"), input.getInt("width"),
                CropSpec(point("right_eye"), point("left_eye"), point("mouth")),
            ),
            FaceQuality.CROP,
        )
    }

    @Test
    fun `the robust mean gives the golden log-odds`() {
        val cases = golden.getJSONArray("baselines").objects()
        assertTrue(cases.size >= 6)
        for (case in cases) {
            val collector = BaselineCollector(bundle)
            val faces = case.getJSONArray("faces").map { (it as JSONArray).doubles() }
            for (face in faces) assertTrue(collector.add(face, good))
            val baseline = collector.baseline()
            val name = case.getString("name")
            assertArrayEquals(name, case.getJSONArray("log_odds").doubles(), baseline.logOdds, 1e-9)
            assertArrayEquals(name, case.getJSONArray("spread").doubles(), baseline.spread, 1e-9)
            assertEquals(name, faces.size, baseline.faces)
        }
    }

    @Test
    fun `changes are the golden ones, in every decision`() {
        val cases = golden.getJSONArray("changes").objects()
        assertTrue(cases.size >= 7)
        for (case in cases) {
            val name = case.getString("name")
            val baseline = baseline(case.getJSONArray("log_odds").doubles())
            val given = settings(case.getJSONObject("settings"), BaselineSettings().minSharpness)
            val tracker = ChangeTracker(baseline, given)
            for (step in case.getJSONArray("steps").objects()) {
                tracker.update(
                    step.getJSONArray("probabilities").doubles(), step.getDouble("time_s"),
                    step.getBoolean("suitable"),
                )
                val expected = step.optJSONArray("change")?.doubles()
                if (expected == null) assertNull(name, tracker.change)
                else assertArrayEquals(name, expected, tracker.change!!, 1e-9)
                assertEquals(name, step.optString("changed_to", null), tracker.changedTo)
            }
        }
    }

    @Test
    fun `the quality of faces is the golden one`() {
        val cases = Golden.json("quality.json").getJSONArray("cases").objects()
        assertTrue(cases.size >= 24)
        for (case in cases) {
            val marks = landmarks(
                case.getJSONArray("right_eye"), case.getJSONArray("left_eye"), case.getJSONArray("mouth")
            )
            val nose = case.getJSONArray("nose").doubles()
            val given = quality(case.getString("crop"), Face().apply {
                landmarks.set(marks)
                noseX = nose[0]
                noseY = nose[1]
            })
            val expected = case.getJSONObject("quality")
            for ((key, value) in listOf(
                "size_px" to given.sizePx, "sharpness" to given.sharpness, "yaw_degrees" to given.yawDegrees,
                "pitch_degrees" to given.pitchDegrees, "roll_degrees" to given.rollDegrees,
            )) assertEquals("$key of $case", expected.getDouble(key), value, 1e-9)
            val reasons = expected.getJSONArray("reasons").map { it as String }
            assertEquals(reasons, given.reasons)
            assertEquals(reasons.isEmpty(), given.good)
        }
        assertEquals(listOf("blurred: sharpness 0.00, under 0.25"), blurred.reasons)
    }

    @Test
    fun `unsuitable faces are left out and counted`() {
        val collector = BaselineCollector(bundle)
        assertThrows(FerException::class.java) { collector.baseline() }
        assertFalse(collector.add(smile, blurred))
        val none = assertThrows(FerException::class.java) { collector.baseline() }
        assertTrue("$none", "none of 1 faces is suitable for a baseline; the first is blurred" in none.message!!)
        assertTrue(collector.add(rest, good))
        val one = collector.baseline()
        assertEquals(listOf(1, 1), listOf(one.faces, one.refused))
        assertEquals(ln(0.06 / 0.78), one.logOdds[3], 1e-9)
        assertEquals(good.sharpness, one.sharpness, 0.0)
        assertEquals(listOf("few: 1 face, under 5"), one.reasons)
    }

    @Test
    fun `a smiling or unsteady baseline says so`() {
        fun of(vararg faces: DoubleArray) =
            BaselineCollector(bundle).apply { for (face in faces) add(face, good) }.baseline()
        assertTrue(of(rest, rest, rest, rest, rest).sure)
        assertEquals(
            listOf("happy rather than neutral: the face may not be at rest"),
            of(smile, smile, smile, smile, smile).reasons,
        )
        val reasons = of(rest, smile, rest, smile, rest, smile).reasons
        assertTrue("$reasons", reasons.any { it.startsWith("unsteady: log-odds of happy vary by ") })
    }

    @Test
    fun `a baseline of another model or prior, and unknown labels are refused`() {
        val classifier = classifier { FloatArray(7) }
        baseline(DoubleArray(7)).checkFits(classifier)
        val other = Baseline(bundle.labels, DoubleArray(7), DoubleArray(7), 9, 0, .5, "0", bundle.prior())
        assertThrows(FerException::class.java) { other.checkFits(classifier) }
        val prior = Prior(DoubleArray(7) { 0.1 }, 1.0)
        val moved = Baseline(bundle.labels, DoubleArray(7), DoubleArray(7), 9, 0, .5, bundle.sha256, prior)
        assertThrows(FerException::class.java) { moved.checkFits(classifier) }
        assertThrows(FerException::class.java) {
            ChangeTracker(baseline(DoubleArray(7)), BaselineSettings(labels = listOf("bored")))
        }
        val nameless = bundle.copy(labels = bundle.labels.dropLast(1) + "calm")
        assertThrows(FerException::class.java) { BaselineCollector(nameless) }
        for (bad in listOf<() -> Unit>(
            { BaselineSettings(threshold = 0.0) }, { BaselineSettings(margin = 2.0) },
            { BaselineSettings(holdS = -1.0) }, { BaselineSettings(labels = listOf("neutral")) },
            { BaselineSettings(minSharpness = 1.1) }, { QualityLimits(minSizePx = Double.NaN) },
        )) assertThrows(IllegalArgumentException::class.java) { bad() }
    }

    @Test
    fun `a stream measures the resting face, then names the change, until the track ends`() {
        var shown = rest
        val recognizer = recognizer { logits(shown) }
        val photo = Golden.source("photo")
        var time = 0.0
        fun frame() = recognizer.recognize(photo, time).single().also { time += 0.1 }
        assertNull(frame().baseline)
        assertThrows(FerException::class.java) { recognizer.measureBaseline(61.0) }
        recognizer.measureBaseline(1.0)
        assertEquals(1.0, frame().baselineLeftS, 1e-9)
        assertEquals(0.9, frame().baselineLeftS, 1e-9)
        repeat(9) { assertNull(frame().baseline) }
        val measured = frame()
        assertTrue(measured.baseline!!.sure)
        assertEquals(0.0, measured.baselineLeftS, 0.0)
        assertNull(measured.changedTo)
        assertEquals(0.0, measured.change!![3], 1e-6)
        shown = smile
        repeat(5) { frame() }
        val smiling = frame()
        assertEquals("happy", smiling.changedTo)
        assertEquals(ln(0.7 / 0.2 / (0.06 / 0.78)), smiling.change!![3], 0.2)
        assertTrue("${smiling.valence}", smiling.valence in 0.4..0.66)
        time += 5 // the track ends
        val next = frame()
        assertNull(next.changedTo)
        assertNull(next.baseline)
        recognizer.setBaseline(next.id, measured(rest))
        assertNotNull(frame().baseline)
        recognizer.clearBaselines()
        assertNull(frame().baseline)
        assertNull(frame().change)
    }

    @Test
    fun `a fallback drops the baselines of the model that it replaces`() {
        var fails = false
        val second = bundle.copy(sha256 = "0".repeat(64))
        val switching = SwitchingClassifier(
            { classifier { if (fails) throw EngineException("gone") else logits(rest) } },
            { ExpressionClassifier(second, FakeEngine { listOf(logits(rest)) }) }, {},
        )
        val recognizer = VideoRecognizer(detector(), switching)
        val photo = Golden.source("photo")
        val id = recognizer.recognize(photo, 0.0).single().id
        recognizer.setBaseline(id, measured(rest))
        assertNotNull(recognizer.recognize(photo, 0.1).single().baseline)
        fails = true
        assertNull(recognizer.recognize(photo, 0.2).single().baseline)
    }

    private fun settings(json: JSONObject, minSharpness: Double) = BaselineSettings(
        json.getDouble("threshold"), json.getDouble("margin"), json.getDouble("time_constant_s"),
        json.getDouble("hold_s"), json.getJSONArray("labels").map { it as String }, minSharpness,
    )

    private fun baseline(logOdds: DoubleArray) =
        Baseline(bundle.labels, logOdds, DoubleArray(7) { 0.1 }, 9, 0, 0.5, bundle.sha256, bundle.prior())

    private fun measured(probabilities: DoubleArray) =
        BaselineCollector(bundle).apply { repeat(5) { add(probabilities, good) } }.baseline()

    private fun logits(probabilities: DoubleArray) = FloatArray(7) { ln(probabilities[it]).toFloat() }

    private fun classifier(output: () -> FloatArray) =
        ExpressionClassifier(bundle, FakeEngine { listOf(output()) })

    private fun recognizer(output: () -> FloatArray) = VideoRecognizer(
        detector(), SwitchingClassifier({ classifier(output) }, { error("not needed") }, {})
    )

    /** A detector that finds the golden face of the sample photo. */
    private fun detector(): FaceDetector {
        val detector = Golden.json("detector.json")
        val case = detector.getJSONArray("cases").objects().first {
            it.getString("source") == "photo" && it.getInt("max_side") == 320
        }
        return YuNet(Golden.detectorBundle(case.getString("detector")), Golden.engine(detector, case))
    }

    private fun quality(crop: String, face: Face) =
        FaceQuality().apply { measure(Golden.image(Golden.file(crop)).levels, face) }

    /** A frontal face. */
    private fun face(size: Double) = Face().apply {
        landmarks.set(Landmarks(.3 * size, .38 * size, .68 * size, .38 * size, .49 * size, .75 * size))
        noseX = .49 * size
        noseY = .58 * size
    }
}

private fun Landmarks.set(other: Landmarks) {
    rightEyeX = other.rightEyeX
    rightEyeY = other.rightEyeY
    leftEyeX = other.leftEyeX
    leftEyeY = other.leftEyeY
    mouthX = other.mouthX
    mouthY = other.mouthY
}
