package org.fersdk.core

import java.io.File
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

class ModelBundleTest {
    private val shipped = Golden.models.listFiles()!!.filter { it.name.endsWith(".tflite") }
    private val text = File("${shipped.first()}.json").readText()

    private fun changed(change: (JSONObject) -> Unit): BundleException {
        val json = JSONObject(text).also(change)
        return assertThrows(BundleException::class.java) {
            ModelBundle.parse("m.tflite", json.toString())
        }
    }

    @Test
    fun `every shipped model matches its sidecar and has the golden labels and crop`() {
        assertTrue(shipped.size >= 2)
        val golden = Golden.json("defaults.json").getJSONObject("input")
        val crop = golden.getJSONObject("crop")
        fun point(name: String) = crop.getJSONArray(name).doubles().let { Point(it[0], it[1]) }
        for (file in shipped) {
            val bundle = ModelBundle.parse(file.name, File("$file.json").readText())
            bundle.checkModel(file.readBytes())
            val seven = listOf("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
            assertEquals(seven, bundle.labels)
            assertEquals(
                InputSpec(
                    golden.getInt("height"), golden.getInt("width"),
                    CropSpec(point("right_eye"), point("left_eye"), point("mouth")),
                ),
                bundle.input,
            )
            assertTrue(bundle.temperature > 0)
        }
    }

    @Test
    fun `every shipped detector and the app's match their sidecars, invalid ones are refused`() {
        val files = Golden.detectors.listFiles()!!.filter { it.name.endsWith(".tflite") } + Golden.detector
        assertEquals(3, files.size)
        for (file in files) {
            val sidecar = File("$file.json").readText()
            val bundle = DetectorBundle.parse(file.name, sidecar)
            bundle.checkModel(file.readBytes())
            assertThrows(BundleException::class.java) { bundle.checkModel(ByteArray(9)) }
            for (change in listOf<(JSONObject) -> Unit>(
                { it.put("schema", 2) }, { it.put("detector", "other") }, { it.remove("sha256") },
                { it.getJSONObject("input").put("color", "rgb") },
                { it.getJSONObject("output").put("strides", JSONArray(listOf(8, 16))) },
                { it.getJSONObject("output").getJSONArray("factors").remove(0) },
                { it.getJSONObject("output").getJSONArray("factors").getJSONArray(1).put(3, 0) },
            )) {
                val changed = JSONObject(sidecar).also(change).toString()
                assertThrows(BundleException::class.java) { DetectorBundle.parse(file.name, changed) }
            }
        }
    }

    @Test
    fun `a modified model is refused`() {
        val file = shipped.first()
        val bundle = ModelBundle.parse(file.name, text)
        val bytes = file.readBytes().also { it[100] = (it[100] + 1).toByte() }
        val error = assertThrows(BundleException::class.java) { bundle.checkModel(bytes) }
        assertTrue(error.message!!.contains("export both again"))
    }

    @Test
    fun `invalid values are refused with the name of the key`() {
        assertTrue("schema" in changed { it.put("schema", 2) }.message!!)
        assertTrue("temperature" in changed { it.put("temperature", 0) }.message!!)
        assertTrue("temperature" in changed { it.put("temperature", "1.0") }.message!!)
        assertTrue("temperature" in changed { it.put("temperature", 1000) }.message!!)
        assertTrue("uncertain_below" in changed { it.put("uncertain_below", 2) }.message!!)
        assertTrue("labels" in changed { it.put("labels", JSONArray(listOf("a", "a"))) }.message!!)
        assertTrue("sha256" in changed { it.remove("sha256") }.message!!)
        assertTrue("resize" in changed { it.getJSONObject("input").put("resize", "bilinear") }.message!!)
        assertTrue("height" in changed { it.getJSONObject("input").put("height", 4) }.message!!)
        assertTrue(
            "mouth" in changed {
                it.getJSONObject("input").getJSONObject("crop").put("mouth", JSONArray(listOf(1)))
            }.message!!
        )
        assertThrows(BundleException::class.java) { ModelBundle.parse("m.tflite", "not JSON") }
    }

    @Test
    fun `types and scales are read from the model file`() {
        val int8 = TfliteFile.read("int8", Golden.file("tiny-int8.tflite").readBytes())
        assertEquals(ElementType.UINT8, int8.inputs.single().type)
        assertEquals(1f, int8.inputs.single().scale, 0f)
        assertEquals(0, int8.inputs.single().zeroPoint)
        assertEquals(ElementType.INT8, int8.outputs.single().type)
        assertTrue(int8.outputs.single().scale > 0)
        val wide = TfliteFile.read("int16x8", Golden.file("tiny-int16x8.tflite").readBytes())
        assertTrue(wide.hasInt16)
        val detector = TfliteFile.read("detector", Golden.detector.readBytes())
        assertEquals(listOf(1, 320, 320, 3), detector.inputs.single().shape)
        assertEquals(listOf(1, 2100, 16), detector.outputs.single().shape)
        for (file in shipped) {
            val parsed = TfliteFile.read(file.name, file.readBytes())
            assertEquals(listOf(1, 48, 48, 1), parsed.inputs.single().shape)
            val labels = ModelBundle.parse(file.name, File("$file.json").readText()).labels
            assertEquals(listOf(1, labels.size), parsed.outputs.single().shape)
        }
        val half = Golden.detector.readBytes().copyOf(300)
        assertThrows(EngineException::class.java) { TfliteFile.read("half", half) }
        assertThrows(EngineException::class.java) { TfliteFile.read("zeros", ByteArray(64)) }
    }
}
