package org.fersdk.core

/** A face that is being followed, with its steady expression; refilled by the next frame. */
class TrackedFace internal constructor(val labels: List<String>) {
    /** Stays the same as long as the face is followed; counts from 1. */
    var id = 0
        internal set

    /** Left, top, right, bottom in pixels of the image. */
    val box = DoubleArray(4)

    /** Smoothed, one for each of [labels]. */
    val probabilities = DoubleArray(labels.size)
    internal var shown = 0

    /** Whether the shown label's smoothed probability is below the model's own threshold. */
    var uncertain = false
        internal set

    val label: String get() = labels[shown]

    /** Smoothed probability of [label], 0 to 1. */
    val confidence: Double get() = probabilities[shown]
}

/**
 * A stream of images in, followed faces with steady expressions out. The whole image is searched
 * in every frame. Not for use from two threads; nothing is made per frame except for a new face.
 */
class VideoRecognizer(
    private val detector: FaceDetector,
    private val classifier: SwitchingClassifier,
    tracking: TrackingSettings = TrackingSettings(),
    private val smoothing: SmoothingSettings = SmoothingSettings(),
) : AutoCloseable {
    /** What [classifier] runs now. */
    val active: ExpressionClassifier get() = classifier.classifier

    /** Nanoseconds of the last frame: search, and crop with classification of all faces. */
    var detectNs = 0L
        private set
    var classifyNs = 0L
        private set
    private val tracker = FaceTracker(tracking)
    private val boxes = ArrayList<DoubleArray>()
    private var ids = IntArray(16)
    private val smoothers = ArrayList<Owned>()
    private val made = ArrayList<TrackedFace>()
    private val shown = ArrayList<TrackedFace>()
    private val preprocessor = Preprocessor(active.bundle.input)
    private val input = ByteArray(active.bundle.input.width * active.bundle.input.height)
    private val expression = Expression(active.bundle.labels)

    private class Owned(val id: Int, val smoother: Smoother)

    /**
     * Takes in one frame.
     *
     * @param image red, green, blue, upright.
     * @param timeS of the frame, in seconds, not before the last one's.
     */
    fun recognize(image: Image, timeS: Double): List<TrackedFace> {
        val began = System.nanoTime()
        val faces = detector.detect(image)
        val found = System.nanoTime()
        boxes.clear()
        for (at in faces.indices) boxes.add(faces[at].box)
        if (ids.size < boxes.size) ids = IntArray(boxes.size)
        tracker.update(boxes, timeS, mayBegin = true, ids)
        forgetEnded()
        shown.clear()
        for (at in faces.indices) {
            if (ids[at] != FaceTracker.NONE) shown.add(show(image, faces[at], ids[at], timeS))
        }
        detectNs = found - began
        classifyNs = System.nanoTime() - found
        return shown
    }

    /** Forgets all faces, as when another camera takes over. */
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
        if (made.size == shown.size) made.add(TrackedFace(expression.labels))
        val tracked = made[shown.size]
        tracked.id = id
        face.box.copyInto(tracked.box)
        smoother.probabilities.copyInto(tracked.probabilities)
        tracked.shown = smoother.label
        tracked.uncertain = tracked.confidence < active.bundle.uncertainBelow
        return tracked
    }

    private fun smootherOf(id: Int): Smoother {
        for (at in smoothers.indices) if (smoothers[at].id == id) return smoothers[at].smoother
        return Smoother(expression.labels.size, smoothing).also { smoothers.add(Owned(id, it)) }
    }

    private fun forgetEnded() {
        for (at in smoothers.indices.reversed()) {
            val id = smoothers[at].id
            if (tracker.tracks.none { it.id == id }) smoothers.removeAt(at)
        }
    }
}
