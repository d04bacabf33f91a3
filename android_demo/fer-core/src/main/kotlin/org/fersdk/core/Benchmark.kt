package org.fersdk.core

/** Latencies of one model in nanoseconds, from grey levels to probabilities. */
class Timing(val warmup: LongArray, val runs: Latency)

/** Latency percentiles of one time window of a sustained run; it starts at [fromS] seconds. */
data class Window(val fromS: Double, val count: Int, val p50Ms: Double, val p90Ms: Double)

/** Measures latency as `fer-bench` does: one face per call, models interleaved. */
class Benchmark(private val clock: () -> Long = System::nanoTime) {
    /**
     * Measures each classifier [runs] times after [WARMUP] warm-up runs, until [isStopped].
     *
     * The runs are split into [ROUNDS] rounds. Each round measures all classifiers, so that a
     * temporary slowdown of the phone affects all of them.
     */
    fun interleaved(
        classifiers: List<ExpressionClassifier>, runs: Int, isStopped: () -> Boolean,
        progress: (done: Int, of: Int) -> Unit,
    ): List<Timing> {
        require(runs >= ROUNDS) { "runs must be $ROUNDS or more, but is $runs" }
        val timings = classifiers.map { classifier ->
            val face = Sample(classifier)
            Timing(LongArray(WARMUP) { time(face) }, Latency(runs))
        }
        for (round in 0 until ROUNDS) {
            if (isStopped()) break
            for ((classifier, timing) in classifiers.zip(timings)) {
                val face = Sample(classifier)
                repeat(runs * (round + 1) / ROUNDS - runs * round / ROUNDS) {
                    timing.runs.add(time(face))
                }
            }
            progress(round + 1, ROUNDS)
        }
        return timings
    }

    /** Runs one classifier continuously for a number of seconds, or until [isStopped]. */
    fun sustained(
        classifier: ExpressionClassifier, seconds: Int, isStopped: () -> Boolean,
        progress: (Window) -> Unit,
    ): List<Window> {
        val face = Sample(classifier)
        val windows = ArrayList<Window>()
        val latency = Latency(WINDOW_RUNS)
        val start = clock()
        while (clock() - start < seconds * NS_A_SECOND && !isStopped()) {
            val from = clock()
            latency.clear()
            while (clock() - from < WINDOW_S * NS_A_SECOND && !isStopped()) latency.add(time(face))
            val fromS = (from - start) / NS_A_SECOND.toDouble()
            val window =
                Window(fromS, latency.count, latency.percentileMs(50.0), latency.percentileMs(90.0))
            windows.add(window)
            progress(window)
        }
        return windows
    }

    private fun time(face: Sample): Long {
        val start = clock()
        face.classifier.classify(face.input, face.expression)
        return clock() - start
    }

    /** Random grey levels, the same for every model. */
    private class Sample(val classifier: ExpressionClassifier) {
        val expression = Expression(classifier.bundle.labels)
        val input = ByteArray(classifier.bundle.input.run { width * height }).also {
            java.util.Random(0).nextBytes(it)
        }
    }

    companion object {
        const val WARMUP = 50
        const val ROUNDS = 10
        const val WINDOW_S = 5L
        private const val WINDOW_RUNS = 100_000
        private const val NS_A_SECOND = 1_000_000_000L
    }
}
