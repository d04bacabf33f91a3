package org.fersdk.demo

import android.content.Context
import android.os.Handler
import android.os.Looper
import androidx.camera.core.ImageAnalysis
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import kotlin.math.ceil
import kotlin.math.max
import kotlin.math.roundToInt
import org.fersdk.android.Choice
import org.fersdk.android.FerModels
import org.fersdk.android.Runtime
import org.fersdk.core.FerException
import org.fersdk.core.TrackedFace
import org.fersdk.core.VideoRecognizer

/**
 * Model, recognizer and texts of the camera screen; outlives the activity when the phone is rotated.
 *
 * All methods run on the main thread. An activity keeps it with `onRetainNonConfigurationInstance`, which is
 * what androidx's ViewModel uses too, but without a library.
 */
class MainViewModel(context: Context) {
    private val resources = context.applicationContext.resources
    private val store = ModelStore(context.applicationContext)
    private val main = Handler(Looper.getMainLooper())
    val models = FerModels(context)

    /** Models are loaded, run and closed on this thread only. */
    val worker: ExecutorService = Executors.newSingleThreadExecutor()
    private var analyzer: FaceAnalyzer? = null // on the worker
    private var nextTextNs = 0L // on the worker
    private var frames = 0 // on the worker: frames since the model was opened
    private var isMeasuring = false // on the worker: whether resting faces are measured

    /** Receives the camera's frames on the [worker]. */
    val camera = ImageAnalysis.Analyzer { image -> analyzer?.analyze(image) ?: image.close() }

    /** Receives each frame's faces on the [worker]. */
    @Volatile var onFaces: ((FrameFaces) -> Unit)? = null

    /** Receives each new [state]. */
    var onState: ((UiState) -> Unit)? = null
    var state = UiState(restButton = resources.getString(R.string.rest_button))
        private set

    /** The chosen model; a fallback may replace it. */
    var choice: Choice
        private set

    /** Whether the notice was accepted and the camera may run. */
    var isAccepted = false
    var isFront = true
        private set

    init {
        val failed = store.takeFailed()
        choice = models.choices.find { it.title == store.chosen } ?: models.default
        open(choice, if (failed == null) "" else resources.getString(R.string.model_failed, failed))
    }

    /** Loads another model on the worker. */
    fun choose(choice: Choice) = open(choice, "")

    /** Uses the front or the back camera; ends all tracks if it is another one. */
    fun face(front: Boolean) {
        if (front == isFront) return
        isFront = front
        worker.execute { forget() }
    }

    /** Starts to measure the resting face of everyone who is seen, or stops it. */
    fun toggleRest() = worker.execute {
        val recognizer = analyzer?.recognizer ?: return@execute
        try {
            if (isMeasuring) recognizer.clearBaselines() else recognizer.measureBaseline(REST_S)
            isMeasuring = !isMeasuring
            showRest(emptyList())
        } catch (error: FerException) {
            update { copy(warning = error.message.orEmpty()) }
        }
    }

    /** The camera stops: drops tracks and resting faces, and ends the trial of a model. */
    fun stop() = worker.execute {
        forget()
        store.end()
        update { copy(expression = "", details = "") }
    }

    /** Frees the model and ends the worker. */
    fun close() {
        worker.execute {
            analyzer?.close()
            analyzer = null
            store.end()
        }
        worker.shutdown()
    }

    private fun open(choice: Choice, warning: String) {
        this.choice = choice
        change { copy(warning = warning, details = resources.getString(R.string.loading, choice.title)) }
        worker.execute {
            analyzer?.close()
            analyzer = null
            frames = 0
            isMeasuring = false
            showRest(emptyList())
            if (choice != models.default) store.begin(choice)
            try {
                val recognizer = openRecognizer(models, choice, ::warn)
                analyzer = FaceAnalyzer(recognizer, { show(choice, recognizer, it) }, ::warn)
                update { copy(details = recognizer.active.place) }
            } catch (error: FerException) {
                store.end()
                warn(error.message.orEmpty())
            }
        }
    }

    private fun forget() {
        analyzer?.recognizer?.run {
            forget()
            clearBaselines()
        }
        isMeasuring = false
        showRest(emptyList())
    }

    /** Called on the worker for each frame; updates the texts at most twice per second. */
    private fun show(choice: Choice, recognizer: VideoRecognizer, frame: FrameFaces) {
        onFaces?.invoke(frame)
        if (++frames == GOOD_FRAMES) if (recognizer.usesFallback) store.end() else store.keep(choice)
        val now = System.nanoTime()
        if (now < nextTextNs) return
        nextTextNs = now + TEXT_EVERY_NS
        val faces = frame.faces
        val expression = faces.joinToString { spokenText(resources, it) }
            .ifEmpty { resources.getString(R.string.no_face) }
        val confidences = faces.joinToString("") {
            resources.getString(R.string.confidence, (100 * it.confidence).roundToInt())
        }
        val details = confidences + resources.getString(
            R.string.timing, recognizer.active.place, recognizer.detectNs / 1e6, recognizer.classifyNs / 1e6,
        )
        update { copy(expression = expression, details = details) }
        if (isMeasuring) showRest(faces)
    }

    /** Shows on the button and the line above it how far the measurement of the resting faces is. */
    private fun showRest(faces: List<TrackedFace>) {
        val baselines = faces.mapNotNull { it.baseline }
        val leftS = faces.maxOfOrNull { it.baselineLeftS } ?: REST_S
        val reasons = baselines.flatMap { it.reasons }
        val text = when {
            !isMeasuring -> ""
            faces.isEmpty() || baselines.size < faces.size ->
                faces.firstOrNull { !it.quality.good }
                    ?.let { resources.getString(R.string.rest_unsuitable, it.quality.reasons[0].substringBefore(':')) }
                    ?: resources.getString(R.string.rest_measuring)
            reasons.isEmpty() -> resources.getString(R.string.rest_measured)
            else -> resources.getString(R.string.rest_unsure, reasons[0])
        }
        val button = when {
            !isMeasuring -> resources.getString(R.string.rest_button)
            baselines.isNotEmpty() && baselines.size == faces.size -> resources.getString(R.string.rest_forget)
            else -> resources.getString(R.string.rest_countdown, max(1, ceil(leftS).toInt()))
        }
        update { copy(rest = text, restButton = button) }
    }

    private fun warn(reason: String) = update {
        copy(warning = listOf(warning, reason).filter { it.isNotEmpty() }.joinToString("\n"))
    }

    private fun update(change: UiState.() -> UiState) {
        main.post { change(change) }
    }

    private fun change(change: UiState.() -> UiState) {
        val next = state.change()
        if (next == state) return
        state = next
        onState?.invoke(next)
    }

    companion object {
        /** Seconds for which a resting face is measured. */
        const val REST_S = 3.0

        /** Frames after which a model's run counts as good. */
        const val GOOD_FRAMES = 30
        private const val TEXT_EVERY_NS = 500_000_000L

        /** Tests replace this function, because LiteRT is not available to them. */
        internal var openRecognizer: (FerModels, Choice, (String) -> Unit) -> VideoRecognizer =
            { models, choice, report -> models.recognizer(choice, report) }
    }
}
