package org.fersdk.core

/**
 * Measures or holds the baseline of each tracked face, and its change from it; in memory only.
 *
 * Twin of `fer_sdk.video.personal_baselines`, without its measurement at a fixed time of a video. Not
 * thread-safe.
 *
 * @param settings when an expression counts as a change.
 */
class PersonalBaselines(
    private val classifier: ExpressionClassifier, private val settings: BaselineSettings = BaselineSettings()
) {
    /** A baseline that is being measured. */
    private class Measurement(val seconds: Double, val collector: BaselineCollector) {
        /** When the first suitable face was added. */
        var firstS = Double.POSITIVE_INFINITY

        fun leftS(timeS: Double) = if (timeS < firstS) seconds else maxOf(0.0, seconds - (timeS - firstS))
    }

    private class Entry(val id: Int, val measurement: Measurement?, val tracker: ChangeTracker?)

    private val entries = ArrayList<Entry>()
    private var seconds = 0.0 // for faces that appear later; 0 if they are not measured

    /**
     * Measures all faces, and new ones when they appear, from the next frame on.
     *
     * @param seconds duration, counted from the first suitable frame of each face; above 0, at most
     *   [MAX_SECONDS].
     * @throws FerException if the duration is out of range, or the model lacks neutral or a label of the
     *   settings.
     */
    fun measure(seconds: Double) {
        if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
            throw FerException(
                "a baseline takes more than 0 and at most $MAX_SECONDS s, but $seconds s are wanted"
            )
        }
        collector() // checks the labels
        this.seconds = seconds
        entries.clear()
    }

    /** Drops all baselines and measures no more. */
    fun clear() {
        seconds = 0.0
        entries.clear()
    }

    /**
     * Uses the baseline of a known person for one face.
     *
     * @throws FerException if it was measured with another model or prior.
     */
    fun set(id: Int, baseline: Baseline) {
        baseline.checkFits(classifier)
        val tracker = ChangeTracker(baseline, settings)
        entries.removeAll { it.id == id }
        entries.add(Entry(id, null, tracker))
    }

    /** Drops the face of a track that has ended. */
    internal fun end(id: Int) {
        for (at in entries.indices.reversed()) if (entries[at].id == id) entries.removeAt(at)
    }

    /**
     * Adds the face of a frame.
     *
     * @param probabilities of this frame alone.
     * @return its changes, or null while it has no baseline.
     */
    internal fun update(
        id: Int, probabilities: DoubleArray, quality: FaceQuality, timeS: Double
    ): ChangeTracker? {
        var entry = find(id)
        if (entry == null) {
            if (seconds == 0.0) return null
            entry = Entry(id, Measurement(seconds, collector()), null).also(entries::add)
        }
        val tracker = entry.tracker ?: complete(id, entry.measurement!!, probabilities, quality, timeS)
        tracker?.update(probabilities, timeS, tracker.suits(quality))
        return tracker
    }

    /** Seconds until the baseline of a face is measured; 0 if it has one or none is wanted. */
    internal fun leftS(id: Int, timeS: Double): Double = find(id)?.measurement?.leftS(timeS) ?: 0.0

    private fun complete(
        id: Int, measurement: Measurement, probabilities: DoubleArray, quality: FaceQuality, timeS: Double
    ): ChangeTracker? {
        val collector = measurement.collector
        if (collector.add(probabilities, quality)) measurement.firstS = minOf(measurement.firstS, timeS)
        if (timeS - measurement.firstS < measurement.seconds || collector.faces < Baseline.MIN_FACES) return null
        val tracker = ChangeTracker(collector.baseline(), settings)
        end(id)
        entries.add(Entry(id, null, tracker))
        return tracker
    }

    private fun find(id: Int): Entry? {
        for (at in entries.indices) if (entries[at].id == id) return entries[at]
        return null
    }

    private fun collector(): BaselineCollector {
        val labels = classifier.bundle.labels
        settings.labels.firstOrNull { it !in labels }?.let { throw ChangeTracker.unknownLabel(it, labels) }
        return BaselineCollector(classifier.bundle, classifier.prior)
    }

    companion object {
        /** Longest time in seconds over which a baseline is measured, which limits the memory. */
        const val MAX_SECONDS = 60.0
    }
}
