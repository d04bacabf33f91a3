package org.fersdk.core

/** A tracked face with its smoothed expression; overwritten by the next frame. */
class TrackedFace internal constructor(val labels: List<String>) {
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

    val label: String get() = labels[shown]

    /** Smoothed probability of [label], 0 to 1. */
    val confidence: Double get() = probabilities[shown]
}

/**
 * Tracks the faces of a video and smooths their expressions.
 *
 * Every frame is searched for faces, so `detect_every` of the Python SDK has no counterpart. Not
 * thread-safe. Memory is allocated only for new faces.
 */
class VideoRecognizer(
    private val detector: FaceDetector,
    private val classifier: SwitchingClassifier,
    tracking: TrackingSettings = TrackingSettings(),
    private val smoothing: SmoothingSettings = SmoothingSettings(),
) : AutoCloseable {
    /** The classifier in use. */
    val active: ExpressionClassifier get() = classifier.classifier

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

    /** Ends all tracks, for example when the camera changes. */
    fun forget() {
        tracker.forget()
        smoothers.clear()
    }

    override fun close() {
        detector.close()
        classifier.close()
    }

    private fun show(image: Image, face: Face, id: Int, timeS: Double): TrackedFace {
        preprocessor.cropFace(image, face.landmarks, input)
        classifier.classify(input, expression)
        val smoother = smootherOf(id)
        smoother.update(expression.probabilities, timeS)
        if (pool.size == shown.size) pool.add(TrackedFace(expression.labels))
        val tracked = pool[shown.size]
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
            if (tracker.tracks.none { it.id == id }) smoothers.removeAt(at)
        }
    }
}
