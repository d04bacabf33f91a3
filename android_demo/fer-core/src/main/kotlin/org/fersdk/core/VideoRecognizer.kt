package org.fersdk.core

/** A tracked face with its smoothed expression; overwritten by the next frame. */
class TrackedFace internal constructor(val labels: List<String>, limits: QualityLimits) {
    /** Id of the track, from 1; constant while the face is tracked. */
    var id = 0
        internal set

    /** Left, top, right, bottom in pixels of the image. */
    val box = DoubleArray(4)

    /** Smoothed probabilities, one for each of [labels]. */
    val probabilities = DoubleArray(labels.size)
    internal var shown = 0

    /** Whether [confidence] is below the model's threshold. */
    var uncertain = false
        internal set

    /** Suitability of the face's image. */
    val quality = FaceQuality(limits)

    /** The face's own neutral; null until one is measured or set. */
    var baseline: Baseline? = null
        internal set

    /** Seconds until [baseline] is measured; 0 if there is one or none is wanted. */
    var baselineLeftS = 0.0
        internal set

    /** Rise of each label's log-odds over the [baseline], smoothed; null without a suitable face. */
    var change: DoubleArray? = null
        internal set

    /** The label that the face changed to from its [baseline], or null. */
    var changedTo: String? = null
        internal set

    val label: String get() = labels[shown]

    /** Smoothed probability of [label], 0 to 1. */
    val confidence: Double get() = probabilities[shown]

    /**
     * Smoothed probability of happy minus those of angry, disgust, fear and sad, -1 to 1.
     *
     * Computed from [probabilities] alone; it does not say what the person feels. NaN if the
     * model lacks one of the five labels.
     */
    val valence: Double
        get() {
            var sum = probability("happy")
            for (label in VALENCE_MINUS) sum -= probability(label)
            return sum
        }

    private fun probability(label: String): Double =
        labels.indexOf(label).let { if (it < 0) Double.NaN else probabilities[it] }

    private companion object {
        val VALENCE_MINUS = listOf("angry", "disgust", "fear", "sad")
    }
}

/**
 * Tracks the faces of a video, smooths their expressions, and compares them with the persons' own neutral.
 *
 * Every frame is searched for faces, so `detect_every` of the Python SDK has no counterpart. Not
 * thread-safe. Memory is allocated only for new faces.
 */
class VideoRecognizer(
    private val detector: FaceDetector,
    private val classifier: SwitchingClassifier,
    tracking: TrackingSettings = TrackingSettings(),
    private val smoothing: SmoothingSettings = SmoothingSettings(),
    private val changes: BaselineSettings = BaselineSettings(),
    private val limits: QualityLimits = QualityLimits(),
) : AutoCloseable {
    /** The classifier in use. */
    val active: ExpressionClassifier get() = classifier.classifier

    /** Whether the model's fallback is in use, see [SwitchingClassifier]. */
    val usesFallback: Boolean get() = classifier.switched

    /** Duration of the last frame's face detection in nanoseconds. */
    var detectNs = 0L
        private set

    /** Duration of tracking, cropping and classifying all faces of the last frame in nanoseconds. */
    var classifyNs = 0L
        private set
    private val tracker = FaceTracker(tracking)
    private val boxes = ArrayList<DoubleArray>()
    private var ids = IntArray(16)
    private val smoothers = ArrayList<TrackSmoother>()
    private val pool = ArrayList<TrackedFace>()
    private val shown = ArrayList<TrackedFace>()
    private val preprocessor = Preprocessor(active.bundle.input)
    private val input = ByteArray(active.bundle.input.width * active.bundle.input.height)
    private val expression = Expression(active.bundle.labels)
    private val qualityPreprocessor = Preprocessor(FaceQuality.CROP)
    private val qualityInput =
        if (active.bundle.input == FaceQuality.CROP) input
        else ByteArray(FaceQuality.CROP.width * FaceQuality.CROP.height)
    private var measuredWith = active
    private var baselines = PersonalBaselines(measuredWith, changes)

    private class TrackSmoother(val id: Int, val smoother: Smoother)

    /**
     * Recognizes the faces of one frame.
     *
     * @param image red, green, blue, upright.
     * @param timeS time of the frame in seconds, not before that of the last frame.
     * @return the tracked faces, overwritten by the next call.
     */
    fun recognize(image: Image, timeS: Double): List<TrackedFace> {
        val start = System.nanoTime()
        val faces = detector.detect(image)
        val detected = System.nanoTime()
        boxes.clear()
        for (at in faces.indices) boxes.add(faces[at].box)
        if (ids.size < boxes.size) ids = IntArray(boxes.size)
        tracker.update(boxes, timeS, mayBegin = true, ids)
        removeEndedTracks()
        shown.clear()
        for (at in faces.indices) {
            if (ids[at] != FaceTracker.NONE) shown.add(show(image, faces[at], ids[at], timeS))
        }
        detectNs = detected - start
        classifyNs = System.nanoTime() - detected
        return shown
    }

    /**
     * Measures the resting face of each person, and of those who appear later, from the next frame on.
     *
     * The baselines live in memory until their track ends, or until a fallback replaces the model.
     *
     * @param seconds duration, counted from the first suitable frame of each face; above 0, at most 60.
     * @throws FerException if the duration is out of range or the model has no label neutral.
     */
    fun measureBaseline(seconds: Double = 3.0) = baselines.measure(seconds)

    /**
     * Uses the baseline of a known person for one tracked face.
     *
     * @throws FerException if it was measured with another model or prior.
     */
    fun setBaseline(faceId: Int, baseline: Baseline) = baselines.set(faceId, baseline)

    /** Drops all baselines, and measures none of new faces. */
    fun clearBaselines() = baselines.clear()

    /** Ends all tracks and drops their baselines, for example when the camera changes. */
    fun forget() {
        tracker.forget()
        for (at in smoothers.indices) baselines.end(smoothers[at].id)
        smoothers.clear()
    }

    override fun close() {
        detector.close()
        classifier.close()
    }

    private fun show(image: Image, face: Face, id: Int, timeS: Double): TrackedFace {
        preprocessor.cropFace(image, face.landmarks, input)
        classifier.classify(input, expression)
        if (active !== measuredWith) { // log-odds of two models are not comparable
            measuredWith = active
            baselines = PersonalBaselines(measuredWith, changes)
        }
        val smoother = smootherOf(id)
        smoother.update(expression.probabilities, timeS)
        if (pool.size == shown.size) pool.add(TrackedFace(expression.labels, limits))
        val tracked = pool[shown.size]
        if (qualityInput !== input) qualityPreprocessor.cropFace(image, face.landmarks, qualityInput)
        tracked.quality.measure(qualityInput, face)
        val change = baselines.update(id, expression.probabilities, tracked.quality, timeS)
        tracked.baseline = change?.baseline
        tracked.baselineLeftS = baselines.leftS(id, timeS)
        tracked.change = change?.change
        tracked.changedTo = change?.changedTo
        tracked.id = id
        face.box.copyInto(tracked.box)
        smoother.probabilities.copyInto(tracked.probabilities)
        tracked.shown = smoother.label
        tracked.uncertain = tracked.confidence < active.bundle.uncertainBelow
        return tracked
    }

    private fun smootherOf(id: Int): Smoother {
        for (at in smoothers.indices) if (smoothers[at].id == id) return smoothers[at].smoother
        return Smoother(expression.labels.size, smoothing).also { smoothers.add(TrackSmoother(id, it)) }
    }

    private fun removeEndedTracks() {
        for (at in smoothers.indices.reversed()) {
            val id = smoothers[at].id
            if (tracker.tracks.none { it.id == id }) {
                smoothers.removeAt(at)
                baselines.end(id)
            }
        }
    }
}
