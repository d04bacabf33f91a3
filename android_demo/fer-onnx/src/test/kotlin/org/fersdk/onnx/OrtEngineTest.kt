package org.fersdk.onnx

import java.io.File
import kotlin.math.abs
import org.fersdk.core.BundleException
import org.fersdk.core.EngineException
import org.fersdk.core.EngineProvider
import org.fersdk.core.Expression
import org.fersdk.core.ExpressionClassifier
import org.fersdk.core.ModelBundle
import org.fersdk.core.Prior
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** Runs models in ONNX Runtime and compares with the Python SDK's predictions. */
class OrtEngineTest {
    // Written by `make android-check` before the tests: models, faces, Python's predictions.
    private val written = File(System.getProperty("fer.repository", "../.."), "android_demo/check/target")
    private val export = File(written, "export")
    private val generated = File(written, "golden")
    private val models = File(export, "models")

    private fun classifier(name: String, prior: String? = null): ExpressionClassifier {
        val file = File(models, name)
        val bundle = ModelBundle.parse(name, File(models, "$name.json").readText())
        bundle.checkModel(file.readBytes())
        val engine = OrtEngine(name, file.readBytes())
        return ExpressionClassifier(bundle, engine, bundle.prior(prior ?: bundle.defaultPrior))
    }

    private fun faces(file: File, size: Int): List<ByteArray> {
        val bytes = file.readBytes()
        return List(bytes.size / size) { bytes.copyOfRange(it * size, (it + 1) * size) }
    }

    /** Returns the largest difference of a probability, and the number of equal labels. */
    private fun compare(
        name: String, faces: List<ByteArray>, expectedRows: List<DoubleArray>, prior: String? = null,
    ): Pair<Double, Int> {
        var largest = 0.0
        var same = 0
        classifier(name, prior).use { classifier ->
            val expression = Expression(classifier.bundle.labels)
            for ((face, expected) in faces.zip(expectedRows)) {
                classifier.classify(face, expression)
                for (at in expected.indices) {
                    largest = maxOf(largest, abs(expected[at] - expression.probabilities[at]))
                }
                if (expression.best == expected.indices.maxBy { expected[it] }) same++
            }
        }
        println("$name: $same of ${faces.size} labels equal Python's, probabilities differ by up to $largest")
        return largest to same
    }

    private fun rows(json: JSONArray) = List(json.length()) { json.getJSONArray(it).doubles() }

    @Test
    fun `predictions for 200 varied faces are Python's`() {
        val faces = faces(File(generated, "faces.bin"), 48 * 48)
        val predictions = JSONObject(File(generated, "predictions.json").readText())
        val names = predictions.keys().asSequence().toList()
        assertTrue(names.any { "float32" in it } && names.any { "int8" in it })
        for (name in names) {
            val prediction = predictions.getJSONObject(name)
            val labels = prediction.getJSONArray("labels").map { it as String }
            assertTrue("the faces must differ: ${labels.toSet()}", labels.toSet().size >= 5)
            val (largest, same) = compare(
                name, faces, rows(prediction.getJSONArray("probabilities")), Prior.TRAINING,
            )
            assertEquals(200, faces.size)
            assertEquals(200, same)
            if ("float32" in name) assertTrue("$largest", largest <= 1e-4)
            classifier(name, Prior.TRAINING).use { classifier ->
                val expression = Expression(classifier.bundle.labels)
                val given = faces.map { classifier.classify(it, expression); expression.label }
                assertEquals(labels, given)
            }
        }
    }

    @Test
    fun `predictions for the exported synthetic faces are Python's`() {
        val manifest = JSONObject(File(export, "manifest.json").readText())
        val golden = manifest.getJSONObject("golden")
        val faces = faces(File(export, golden.getString("faces")), 48 * 48)
        val predictions = JSONObject(File(export, golden.getString("predictions")).readText())
        val onnx = predictions.keys().asSequence().filter { it.endsWith(".onnx") }.toList()
        assertTrue(onnx.size >= 2)
        for (file in onnx) {
            val (largest, same) =
                compare(File(file).name, faces, rows(predictions.getJSONArray(file)))
            assertEquals(faces.size, same)
            if ("float32" in file) assertTrue("$largest", largest <= 1e-4)
        }
    }

    private fun JSONArray.doubles() = DoubleArray(length()) { getDouble(it) }

    @Test
    fun `the provider is found by the suffix of a file`() {
        val provider = EngineProvider.forModel("small-int8.onnx")!!
        val bytes = File(models, "small-int8.onnx").readBytes()
        provider.open("small-int8.onnx", bytes, 1).use { assertEquals("ONNX Runtime CPU", it.place) }
        assertNull(EngineProvider.forModel("small-int8.tflite"))
    }

    @Test
    fun `close can be called twice, run after close is refused`() {
        val file = File(models, "small-int8.onnx")
        val engine = OrtEngine(file.name, file.readBytes())
        engine.close()
        engine.close()
        val error = assertThrows(EngineException::class.java) {
            engine.run(FloatArray(48 * 48), listOf(FloatArray(7)))
        }
        assertTrue(error.message!!.contains("closed"))
    }

    @Test
    fun `an invalid model file is refused in one line`() {
        val error = assertThrows(EngineException::class.java) {
            OrtEngine("zeros.onnx", ByteArray(64))
        }
        assertTrue(error.message!!.startsWith("ONNX Runtime cannot load zeros.onnx"))
    }

    @Test
    fun `a sidecar with another input size is refused`() {
        val name = "small-int8.onnx"
        val text = File(models, "$name.json").readText()
        val bundle = ModelBundle.parse(name, text)
        val other = bundle.copy(input = bundle.input.copy(height = 64))
        assertThrows(BundleException::class.java) {
            ExpressionClassifier(other, OrtEngine(name, File(models, name).readBytes()))
        }
    }
}
