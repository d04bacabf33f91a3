package org.fersdk.core

import java.awt.image.BufferedImage
import java.io.File
import javax.imageio.ImageIO
import org.json.JSONArray
import org.json.JSONObject

/** Test data shared with the Python SDK's tests. */
object Golden {
    private val repository = File(System.getProperty("fer.repository", "../.."))
    private val folder = File(repository, "tests/golden")
    val models = File(repository, "sdk/fer_sdk/models")

    val detectors = File(repository, "sdk/fer_sdk/data")

    /** The detector in the app's assets. */
    val detector = File(repository, "android_demo/fer-models/detector/yunet-float32-320x320.tflite")

    /** Written by `make android-check` before the tests: crops of random faces. */
    val generated = File(repository, "android_demo/check/target/golden")

    fun file(name: String) = File(folder, name).also { check(it.isFile) { "no golden file $it" } }

    fun json(name: String) = JSONObject(file(name).readText())

    /** A source image by name: "photo" is the sample photo, others are golden files. */
    fun source(name: String): Image = image(
        if (name == "photo") File(repository, "examples/eileen_collins.png")
        else file("source-$name.png")
    )

    fun detectorBundle(name: String) =
        DetectorBundle.parse("$name.tflite", File(detectors, "$name.tflite.json").readText())

    /** The network's output in a case of detector.json: the listed rows, and background elsewhere. */
    fun rows(golden: JSONObject, case: JSONObject): FloatArray {
        val columns = YuNetDecoder.COLUMNS
        val rows = FloatArray(case.getInt("cells") * columns)
        for (row in 0 until case.getInt("cells")) {
            rows.fill(golden.getDouble("background").toFloat(), row * columns, row * columns + 2)
        }
        val indices = case.getJSONArray("indices")
        for (number in 0 until indices.length()) {
            case.getJSONArray("rows").getJSONArray(number).doubles().forEachIndexed { column, value ->
                rows[indices.getInt(number) * columns + column] = value.toFloat()
            }
        }
        return rows
    }

    /** An engine with the network's output of a case of detector.json. */
    fun engine(golden: JSONObject, case: JSONObject, output: (FloatArray) -> FloatArray? = { null }): FakeEngine {
        val (height, width) = case.getJSONArray("input_hw").doubles().map { it.toInt() }
        val rows = rows(golden, case)
        return FakeEngine(inputShape = listOf(1, height, width, 3), outputSizes = listOf(rows.size)) { input ->
            listOf(output(input) ?: rows)
        }
    }

    fun image(file: File): Image {
        val read = ImageIO.read(file)
        val raster = read.raster
        val grey = raster.numBands == 1
        val result = Image(read.width, read.height, if (grey) 1 else 3)
        var at = 0
        val levels = IntArray(4)
        for (y in 0 until read.height) for (x in 0 until read.width) {
            if (grey) {
                result.levels[at++] = raster.getSample(x, y, 0).toByte()
            } else {
                raster.getPixel(x, y, levels)
                for (channel in 0 until 3) result.levels[at++] = levels[channel].toByte()
            }
        }
        check(read.type != BufferedImage.TYPE_BYTE_INDEXED) { "$file has a palette" }
        return result
    }
}

fun JSONArray.objects(): List<JSONObject> = List(length()) { getJSONObject(it) }

fun JSONArray.doubles() = DoubleArray(length()) { getDouble(it) }

fun landmarks(rightEye: JSONArray, leftEye: JSONArray, mouth: JSONArray) = Landmarks(
    rightEye.getDouble(0), rightEye.getDouble(1), leftEye.getDouble(0), leftEye.getDouble(1),
    mouth.getDouble(0), mouth.getDouble(1),
)
