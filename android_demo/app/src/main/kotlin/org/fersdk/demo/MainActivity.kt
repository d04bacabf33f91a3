package org.fersdk.demo

import android.Manifest
import android.app.Activity
import android.content.Intent
import android.content.pm.PackageManager
import android.content.res.AssetManager
import android.net.Uri
import android.os.Bundle
import android.provider.Settings
import android.util.Size
import android.view.View
import android.widget.Button
import android.widget.PopupMenu
import android.widget.TextView
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.resolutionselector.AspectRatioStrategy
import androidx.camera.core.resolutionselector.ResolutionSelector
import androidx.camera.core.resolutionselector.ResolutionStrategy
import androidx.camera.view.CameraController
import androidx.camera.view.LifecycleCameraController
import androidx.camera.view.PreviewView
import androidx.lifecycle.Lifecycle
import androidx.lifecycle.LifecycleOwner
import androidx.lifecycle.LifecycleRegistry
import java.util.concurrent.ExecutorService
import java.util.concurrent.Executors
import org.fersdk.android.Choice
import org.fersdk.android.FerModels
import org.fersdk.core.FerException
import org.fersdk.core.TrackedFace
import org.fersdk.core.VideoRecognizer

/** Camera preview with faces, expressions, confidences and timings. */
class MainActivity : Activity(), LifecycleOwner {
    private val registry = LifecycleRegistry(this)
    override val lifecycle: Lifecycle get() = registry

    private lateinit var models: FerModels
    private lateinit var camera: LifecycleCameraController
    private lateinit var overlay: OverlayView
    private lateinit var choice: Choice

    /** Models are loaded, run and closed on this thread only. */
    private val worker: ExecutorService = Executors.newSingleThreadExecutor()
    private var analyzer: FaceAnalyzer? = null // on the worker
    @Volatile private var isFront = true
    private var hasRequested = false
    private var nextTextNs = 0L // on the worker

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_main)
        overlay = findViewById(R.id.overlay)
        models = FerModels(assets)
        choice = models.choices.find { it.title == state?.getString(CHOICE) } ?: models.choices.first()
        isFront = state?.getBoolean(IS_FRONT) ?: true
        hasRequested = state?.getBoolean(HAS_REQUESTED) ?: false
        camera = LifecycleCameraController(this).apply {
            setEnabledUseCases(CameraController.IMAGE_ANALYSIS)
            imageAnalysisBackpressureStrategy = ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST
            imageAnalysisOutputImageFormat = ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888
            imageAnalysisResolutionSelector = ANALYSIS_SIZE
        }
        findViewById<PreviewView>(R.id.preview).controller = camera
        findViewById<Button>(R.id.switch_camera).setOnClickListener { switchCamera() }
        findViewById<Button>(R.id.choose_model).setOnClickListener(::chooseModel)
        findViewById<Button>(R.id.permission_button).setOnClickListener { requestOrOpenSettings() }
        findViewById<Button>(R.id.open_benchmark).setOnClickListener {
            startActivity(Intent(this, BenchmarkActivity::class.java))
        }
        registry.currentState = Lifecycle.State.CREATED
        open(choice)
    }

    override fun onStart() {
        super.onStart()
        registry.currentState = Lifecycle.State.STARTED
        if (isAllowed()) startCamera() else requestOnce()
    }

    override fun onResume() {
        super.onResume()
        registry.currentState = Lifecycle.State.RESUMED
    }

    override fun onPause() {
        registry.currentState = Lifecycle.State.STARTED
        super.onPause()
    }

    override fun onStop() {
        registry.currentState = Lifecycle.State.CREATED
        super.onStop()
    }

    override fun onDestroy() {
        registry.currentState = Lifecycle.State.DESTROYED
        camera.clearImageAnalysisAnalyzer()
        camera.unbind()
        worker.execute { analyzer?.close() }
        worker.shutdown()
        super.onDestroy()
    }

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putString(CHOICE, choice.title)
        state.putBoolean(IS_FRONT, isFront)
        state.putBoolean(HAS_REQUESTED, hasRequested)
    }

    override fun onRequestPermissionsResult(code: Int, permissions: Array<String>, results: IntArray) {
        if (isAllowed()) startCamera() else showPermissionPanel()
    }

    private fun isAllowed() =
        checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED

    private fun requestOnce() {
        showPermissionPanel()
        if (!hasRequested) requestPermission()
    }

    private fun requestPermission() {
        hasRequested = true
        requestPermissions(arrayOf(Manifest.permission.CAMERA), 0)
    }

    /** Android shows the permission dialog only a few times; then the settings are the only way. */
    private fun requestOrOpenSettings() {
        if (shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)) {
            requestPermission()
        } else {
            val page = Uri.fromParts("package", packageName, null)
            startActivity(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, page))
        }
    }

    private fun showPermissionPanel() {
        findViewById<View>(R.id.permission_panel).visibility = View.VISIBLE
        val mayRequest = shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)
        findViewById<Button>(R.id.permission_button)
            .setText(if (mayRequest) R.string.allow_camera else R.string.open_settings)
    }

    private fun startCamera() {
        findViewById<View>(R.id.permission_panel).visibility = View.GONE
        camera.initializationFuture.addListener({
            if (isDestroyed) return@addListener
            val preferred = selector(isFront)
            val other = selector(!isFront)
            if (!camera.hasCamera(preferred) && camera.hasCamera(other)) isFront = !isFront
            val hasBoth = camera.hasCamera(preferred) && camera.hasCamera(other)
            findViewById<Button>(R.id.switch_camera).isEnabled = hasBoth
            if (camera.hasCamera(selector(isFront))) {
                camera.cameraSelector = selector(isFront)
                camera.bindToLifecycle(this)
            } else {
                notice(getString(R.string.no_camera))
            }
        }, mainExecutorOf(this))
    }

    private fun switchCamera() {
        isFront = !isFront
        camera.cameraSelector = selector(isFront)
        worker.execute { analyzer?.forget() }
    }

    private fun chooseModel(anchor: View) {
        val menu = PopupMenu(this, anchor)
        models.choices.forEachIndexed { at, choice -> menu.menu.add(0, at, at, choice.title) }
        menu.setOnMenuItemClickListener { item ->
            choice = models.choices[item.itemId]
            open(choice)
            true
        }
        menu.show()
    }

    /** Loads a model on the worker, then sends it the frames. */
    private fun open(choice: Choice) {
        notice("")
        status(getString(R.string.loading, choice.title))
        camera.clearImageAnalysisAnalyzer()
        worker.execute {
            analyzer?.close()
            analyzer = null
            try {
                val recognizer = openRecognizer(assets, choice) { reason -> runOnUiThread { notice(reason) } }
                val next = FaceAnalyzer(
                    recognizer,
                    { faces, width, height -> show(recognizer, faces, width, height) },
                    { reason -> runOnUiThread { notice(reason) } },
                )
                analyzer = next
                runOnUiThread {
                    if (!isDestroyed) {
                        status(recognizer.active.place)
                        camera.setImageAnalysisAnalyzer(worker, next)
                    }
                }
            } catch (error: FerException) {
                runOnUiThread { notice(error.message.orEmpty()) }
            }
        }
    }

    /** Called on the worker for each frame; updates the text at most twice per second. */
    private fun show(recognizer: VideoRecognizer, faces: List<TrackedFace>, width: Int, height: Int) {
        overlay.show(faces, width, height, mirrored = isFront)
        val now = System.nanoTime()
        if (now < nextTextNs) return
        nextTextNs = now + TEXT_EVERY_NS
        val expression =
            faces.joinToString { expressionText(resources, it) }.ifEmpty { getString(R.string.no_face) }
        val timing = getString(
            R.string.timing, recognizer.active.place,
            recognizer.detectNs / 1e6, recognizer.classifyNs / 1e6,
        )
        runOnUiThread {
            status(timing)
            val view = findViewById<TextView>(R.id.expression)
            if (view.text.toString() != expression) view.text = expression
        }
    }

    private fun status(text: String) {
        findViewById<TextView>(R.id.status).text = text
    }

    private fun notice(text: String) {
        findViewById<TextView>(R.id.notice).apply {
            this.text = text
            visibility = if (text.isEmpty()) View.GONE else View.VISIBLE
        }
    }

    companion object {
        private const val CHOICE = "choice"
        private const val IS_FRONT = "is_front"
        private const val HAS_REQUESTED = "has_requested"
        private const val TEXT_EVERY_NS = 500_000_000L
        private val ANALYSIS_SIZE = ResolutionSelector.Builder()
            .setAspectRatioStrategy(AspectRatioStrategy.RATIO_4_3_FALLBACK_AUTO_STRATEGY)
            .setResolutionStrategy(
                ResolutionStrategy(
                    Size(640, 480), ResolutionStrategy.FALLBACK_RULE_CLOSEST_HIGHER_THEN_LOWER
                )
            )
            .build()

        /** Tests replace this function, because LiteRT is not available to them. */
        internal var openRecognizer: (AssetManager, Choice, (String) -> Unit) -> VideoRecognizer =
            { assets, choice, report -> FerModels(assets).recognizer(choice, report) }

        private fun selector(isFront: Boolean) =
            if (isFront) CameraSelector.DEFAULT_FRONT_CAMERA else CameraSelector.DEFAULT_BACK_CAMERA
    }
}
