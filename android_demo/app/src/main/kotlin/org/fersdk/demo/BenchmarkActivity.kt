package org.fersdk.demo

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.view.View
import android.view.WindowManager
import android.widget.Button
import android.widget.TextView
import java.util.concurrent.Executors
import java.util.concurrent.atomic.AtomicBoolean
import org.fersdk.android.Choice
import org.fersdk.android.FerModels
import org.fersdk.core.Benchmark
import org.fersdk.core.ExpressionClassifier
import org.fersdk.core.FerException

/**
 * Measures the models' latency, on a button or at once when started with extras:
 *
 *     am start -n org.fersdk.demo/.BenchmarkActivity --es models all --ei runs 1000
 *
 * `models` is "all" or a comma-separated list of model files; `runs` is 10 or more.
 */
class BenchmarkActivity : Activity() {
    private lateinit var models: FerModels
    private lateinit var report: BenchmarkReport
    private val worker = Executors.newSingleThreadExecutor()
    private val isStopped = AtomicBoolean()
    private var isRunning = false

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_benchmark)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        drawBehindSystemBars()
        findViewById<View>(R.id.root).addInsetsToPadding(top = true, bottom = true)
        models = FerModels(this)
        report = BenchmarkReport(this)
        val run = findViewById<Button>(R.id.run)
        run.setOnClickListener {
            if (isRunning) isStopped.set(true) else start { interleaved(models.choices, DEFAULT_RUNS) }
        }
        findViewById<Button>(R.id.run_sustained).setOnClickListener { start { sustained() } }
        findViewById<Button>(R.id.share).setOnClickListener { share() }
        intent.getStringExtra(MODELS)?.takeIf { state == null }?.let(::startWithExtras)
    }

    override fun onDestroy() {
        isStopped.set(true)
        worker.shutdown()
        super.onDestroy()
    }

    private fun startWithExtras(extra: String) {
        val names = extra.split(",").map { it.trim() }
        val chosen = models.choices.filter { extra == ALL || it.bundle.model in names }
        val runs = intent.getIntExtra(RUNS, DEFAULT_RUNS)
        if (chosen.isEmpty() || runs < Benchmark.ROUNDS) {
            progress(
                "$MODELS must be $ALL or names from ${models.bundles.map { it.model }}, and $RUNS " +
                    "must be ${Benchmark.ROUNDS} or more, but they are $extra and $runs"
            )
            return
        }
        start { interleaved(chosen, runs) }
    }

    private fun start(work: () -> Unit) {
        if (isRunning) return
        isRunning = true
        isStopped.set(false)
        findViewById<Button>(R.id.run).setText(R.string.stop)
        findViewById<Button>(R.id.run_sustained).isEnabled = false
        findViewById<TextView>(R.id.rows).text = ""
        worker.execute {
            try {
                work()
                val file = report.write()
                runOnUiThread { progress(getString(R.string.benchmark_written, file.path)) }
            } catch (error: FerException) {
                runOnUiThread { progress(error.message.orEmpty()) }
            }
            runOnUiThread(::finished)
        }
    }

    private fun finished() {
        isRunning = false
        findViewById<Button>(R.id.run).setText(R.string.run_benchmark)
        findViewById<Button>(R.id.run_sustained).isEnabled = true
        findViewById<Button>(R.id.share).isEnabled = true
    }

    /** Measures models and runtimes interleaved. One that fails is reported and not replaced. */
    private fun interleaved(choices: List<Choice>, runs: Int) {
        report = BenchmarkReport(this)
        val opened = ArrayList<Pair<Choice, ExpressionClassifier>>()
        try {
            for (choice in choices) {
                try {
                    opened.add(choice to openClassifier(models, choice))
                } catch (error: FerException) {
                    report.addFailed(choice, error.message.orEmpty())
                    row(getString(R.string.benchmark_error, choice.title, error.message))
                }
            }
            val timings = Benchmark().interleaved(opened.map { it.second }, runs, isStopped::get) { done, of ->
                runOnUiThread { progress(getString(R.string.benchmark_progress, done, of)) }
            }
            for ((at, timing) in timings.withIndex()) {
                val choice = opened[at].first
                report.add(choice, timing)
                val ms = listOf(50.0, 90.0, 99.0).map(timing.runs::percentileMs)
                row(getString(R.string.benchmark_row, choice.title, ms[0], ms[1], ms[2]))
            }
        } finally {
            opened.forEach { it.second.close() }
        }
    }

    private fun sustained() {
        val choice = models.default
        openClassifier(models, choice).use { classifier ->
            val windows = Benchmark().sustained(classifier, SUSTAINED_S, isStopped::get) {
                row(getString(R.string.benchmark_window, choice.title, it.fromS, it.p50Ms, it.p90Ms))
            }
            report.addSustained(choice, windows)
        }
    }

    private fun share() {
        val send = Intent(Intent.ACTION_SEND).setType("application/json")
            .putExtra(Intent.EXTRA_TEXT, report.summary())
        startActivity(Intent.createChooser(send, getString(R.string.share)))
    }

    private fun progress(text: String) {
        findViewById<TextView>(R.id.progress).text = text
    }

    private fun row(text: String) = runOnUiThread {
        findViewById<TextView>(R.id.rows).append("$text\n")
    }

    companion object {
        const val MODELS = "models"
        const val RUNS = "runs"
        const val ALL = "all"
        private const val DEFAULT_RUNS = 1000
        private const val SUSTAINED_S = 60

        /** Tests replace this function, because LiteRT is not available to them. */
        internal var openClassifier: (FerModels, Choice) -> ExpressionClassifier =
            { models, choice -> models.classifier(choice) }
    }
}
