package org.fersdk.demo

import android.content.Intent
import android.widget.Button
import android.widget.TextView
import java.io.File
import java.util.concurrent.ExecutorService
import java.util.concurrent.TimeUnit
import org.fersdk.android.FerModels
import org.fersdk.android.Runtime
import org.json.JSONObject
import org.junit.After
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController

@RunWith(RobolectricTestRunner::class)
class BenchmarkActivityTest {
    private val original = BenchmarkActivity.openClassifier
    private lateinit var controller: ActivityController<BenchmarkActivity>
    private val activity: BenchmarkActivity get() = controller.get()

    @After
    fun restore() {
        BenchmarkActivity.openClassifier = original
    }

    private fun start(models: String?, runs: Int) {
        val intent = Intent().putExtra("runs", runs)
        if (models != null) intent.putExtra("models", models)
        controller = Robolectric.buildActivity(BenchmarkActivity::class.java, intent).setup()
        settle()
    }

    private fun settle() = repeat(3) {
        val worker = BenchmarkActivity::class.java.getDeclaredField("worker")
            .apply { isAccessible = true }.get(activity) as ExecutorService
        worker.submit {}.get(60, TimeUnit.SECONDS)
        shadowOf(android.os.Looper.getMainLooper()).idle()
    }

    private fun text(id: Int) = activity.findViewById<TextView>(id).text.toString()

    private fun written() = File(activity.getExternalFilesDir(null), "benchmark.json")

    @Test
    fun `extras start a benchmark of ONNX Runtime that writes all raw values`() {
        start("all", 20)
        val json = JSONObject(written().readText())
        assertEquals(1, json.getInt("schema"))
        assertEquals("org.fersdk.demo", json.getString("app"))
        assertEquals(34, json.getJSONObject("device").getInt("api"))
        val rows = json.getJSONArray("models").let { List(it.length()) { at -> it.getJSONObject(at) } }
        val choices = FerModels(RuntimeEnvironment.getApplication()).choices
        assertEquals(choices.size, rows.size)
        val timed = rows.filter { it.getString("place") == Runtime.ONNX_CPU.title }
        assertTrue(timed.size >= 2)
        for (row in timed) {
            assertEquals(20, row.getJSONArray("latency_ns").length())
            assertEquals(50, row.getJSONArray("warmup_ns").length())
            assertTrue(row.getDouble("p50_ms") > 0 && row.getDouble("p50_ms") <= row.getDouble("p99_ms"))
            assertEquals(64, row.getString("sha256").length)
        }
        // LiteRT is a stub in this test: its rows contain an error and no latency.
        for (row in rows - timed.toSet()) {
            assertTrue(row.getString("error").startsWith("LiteRT "))
            assertFalse(row.has("p50_ms"))
        }
        assertTrue(text(R.id.progress).startsWith("Written to "))
        assertTrue(text(R.id.rows).contains("p99"))
    }

    @Test
    fun `one model can be selected, an unknown one is refused by name`() {
        start("small-int8.onnx", 10)
        assertEquals(1, JSONObject(written().readText()).getJSONArray("models").length())
        written().delete()
        start("no-such.tflite", 10)
        assertTrue(text(R.id.progress), "no-such.tflite" in text(R.id.progress))
        start("all", 3)
        assertTrue(text(R.id.progress), "and 3" in text(R.id.progress))
        assertFalse(written().exists())
    }

    @Test
    fun `the result is shared without raw values`() {
        start("small-int8.onnx", 10)
        activity.findViewById<Button>(R.id.share).performClick()
        val chooser = shadowOf(activity).nextStartedActivity
        val sent = chooser.getParcelableExtra(Intent.EXTRA_INTENT, Intent::class.java)!!
        val row = JSONObject(sent.getStringExtra(Intent.EXTRA_TEXT)!!).getJSONArray("models").getJSONObject(0)
        assertTrue(row.has("p90_ms") && !row.has("latency_ns"))
    }

    @Test
    fun `nothing runs before a button is pressed, and stop ends a sustained run`() {
        BenchmarkActivity.openClassifier = { models, _ ->
            models.classifier(models.choices.first { it.runtime == Runtime.ONNX_CPU })
        }
        start(null, 0)
        assertFalse(written().exists())
        assertFalse(activity.findViewById<Button>(R.id.share).isEnabled)
        activity.findViewById<Button>(R.id.run_sustained).performClick()
        activity.findViewById<Button>(R.id.run).performClick()
        settle()
        val sustained = JSONObject(written().readText()).getJSONObject("sustained")
        assertTrue(sustained.getJSONArray("windows").length() <= 1)
        assertEquals("int8", sustained.getString("precision"))
    }
}
