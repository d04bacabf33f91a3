package org.fersdk.core

/** What one model's turns took, from grey levels in to probabilities out, in nanoseconds. */
class Timing(val warmup: LongArray, val runs: Latency)

/** Percentiles of a part of a sustained run. */
data class Window(val fromS: Double, val count: Int, val p50Ms: Double, val p90Ms: Double)

/** Times classifiers as `fer-bench` does: one face a call, models in turns. */
class Benchmark(private val clock: () -> Long = System::nanoTime) {
    /**
     * Times every classifier [runs] times, in [ROUNDS] turns, after [WARMUP] answers that do not
     * count, or until told to stop; a slow moment of the phone so hits all models.
     */
    fun inTurns(
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

    /** Runs one classifier without a pause for some seconds, until told to stop. */
    fun sustained(
        classifier: ExpressionClassifier, seconds: Int, isStopped: () -> Boolean,
        progress: (Window) -> Unit,
    ): List<Window> {
        val face = Sample(classifier)
        val windows = ArrayList<Window>()
        val latency = Latency(WINDOW_RUNS)
        val began = clock()
        while (clock() - began < seconds * NS_A_SECOND && !isStopped()) {
            val from = clock()
            latency.clear()
            while (clock() - from < WINDOW_S * NS_A_SECOND && !isStopped()) latency.add(time(face))
            val fromS = (from - began) / NS_A_SECOND.toDouble()
            val window =
                Window(fromS, latency.count, latency.percentileMs(50.0), latency.percentileMs(90.0))
            windows.add(window)
            progress(window)
        }
        return windows
    }

    private fun time(face: Sample): Long {
        val began = clock()
        face.classifier.classify(face.input, face.expression)
        return clock() - began
    }

    /** Grey levels without a pattern, the same for every model. */
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
