package org.fersdk.demo

import android.content.Context
import android.os.Build
import android.os.PowerManager
import java.io.File
import org.fersdk.android.Choice
import org.fersdk.core.Benchmark
import org.fersdk.core.Timing
import org.fersdk.core.Window
import org.json.JSONArray
import org.json.JSONObject

/** Benchmark results as JSON with all raw values; `fer-bench --android` reads it. */
class BenchmarkReport(private val context: Context) {
    private val models = JSONArray()
    private var sustained: JSONObject? = null

    fun add(choice: Choice, timing: Timing) {
        models.put(
            row(choice).put("warmup_ns", JSONArray(timing.warmup.toList()))
                .put("latency_ns", JSONArray(timing.runs.values().toList()))
                .put("p50_ms", timing.runs.percentileMs(50.0))
                .put("p90_ms", timing.runs.percentileMs(90.0))
                .put("p99_ms", timing.runs.percentileMs(99.0))
        )
    }

    fun addFailed(choice: Choice, error: String) {
        models.put(row(choice).put("error", error))
    }

    fun addSustained(choice: Choice, windows: List<Window>) {
        val parts = windows.map {
            JSONObject().put("from_s", it.fromS).put("count", it.count)
                .put("p50_ms", it.p50Ms).put("p90_ms", it.p90Ms)
        }
        sustained = row(choice).put("window_s", Benchmark.WINDOW_S).put("windows", JSONArray(parts))
    }

    /** Writes the report to benchmark.json in the app's folder and returns the file. */
    fun write(): File {
        val folder = context.getExternalFilesDir(null) ?: context.filesDir
        val file = File(folder, FILE)
        val temporary = File(folder, "$FILE.part")
        temporary.writeText(json(models).toString(1) + "\n")
        check(temporary.renameTo(file)) { "cannot rename $temporary to $file" }
        return file
    }

    /** Returns the report without raw values, to share as text. */
    fun summary(): String {
        val short = JSONArray()
        for (at in 0 until models.length()) {
            val row = JSONObject(models.getJSONObject(at).toString())
            row.remove("warmup_ns")
            row.remove("latency_ns")
            short.put(row)
        }
        return json(short).toString(1)
    }

    private fun json(rows: JSONArray) = JSONObject()
        .put("schema", SCHEMA)
        .put("app", context.packageName)
        .put("version", context.packageManager.getPackageInfo(context.packageName, 0).versionName)
        .put("device", device())
        .put("models", rows)
        .put("sustained", sustained ?: JSONObject.NULL)

    private fun device(): JSONObject {
        val device = JSONObject()
            .put("manufacturer", Build.MANUFACTURER)
            .put("model", Build.MODEL)
            .put("android", Build.VERSION.RELEASE)
            .put("api", Build.VERSION.SDK_INT)
            .put("abi", Build.SUPPORTED_ABIS.firstOrNull() ?: "unknown")
            .put("cores", java.lang.Runtime.getRuntime().availableProcessors())
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.S) device.put("soc", Build.SOC_MODEL)
        if (Build.VERSION.SDK_INT >= Build.VERSION_CODES.Q) {
            val power = context.getSystemService(PowerManager::class.java)
            device.put("thermal_status", power.currentThermalStatus)
        }
        return device
    }

    private fun row(choice: Choice) = JSONObject()
        .put("model", choice.bundle.model)
        .put("sha256", choice.bundle.sha256)
        .put("precision", choice.bundle.precision)
        .put("place", choice.runtime.title)

    companion object {
        const val SCHEMA = 1
        const val FILE = "benchmark.json"
    }
}
