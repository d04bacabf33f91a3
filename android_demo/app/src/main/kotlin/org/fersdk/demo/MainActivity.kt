package org.fersdk.demo

import android.Manifest
import android.app.Activity
import android.content.Intent
import android.content.pm.PackageManager
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
import java.util.concurrent.ExecutionException

/**
 * Camera preview with faces, expressions, confidences and timings.
 *
 * Before the camera starts, a panel states what the app does; while it runs, a line at the top says so.
 */
class MainActivity : Activity(), LifecycleOwner {
    private val registry = LifecycleRegistry(this)
    override val lifecycle: Lifecycle get() = registry
    private lateinit var model: MainViewModel
    private lateinit var camera: LifecycleCameraController
    private lateinit var overlay: OverlayView
    private var hasRequested = false

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        setContentView(R.layout.activity_main)
        drawBehindSystemBars()
        findViewById<View>(R.id.top_bar).addInsetsToPadding(top = true, bottom = false)
        findViewById<View>(R.id.bottom_bar).addInsetsToPadding(top = false, bottom = true)
        findViewById<View>(R.id.panel).addInsetsToPadding(top = true, bottom = true)
        overlay = findViewById(R.id.overlay)
        model = lastNonConfigurationInstance as MainViewModel? ?: MainViewModel(this).apply {
            isAccepted = state?.getBoolean(IS_ACCEPTED) ?: false
            face(front = state?.getBoolean(IS_FRONT) ?: true)
        }
        hasRequested = state?.getBoolean(HAS_REQUESTED) ?: false
        camera = LifecycleCameraController(this).apply {
            setEnabledUseCases(CameraController.IMAGE_ANALYSIS)
            imageAnalysisBackpressureStrategy = ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST
            imageAnalysisOutputImageFormat = ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888
            imageAnalysisResolutionSelector = ANALYSIS_SIZE
            setImageAnalysisAnalyzer(model.worker, model.camera)
        }
        overlay.frameRotation = { display -> camera.cameraInfo?.getSensorRotationDegrees(display) }
        findViewById<PreviewView>(R.id.preview).controller = camera
        onClick(R.id.switch_camera) { switchCamera() }
        onClick(R.id.choose_model) { chooseModel(it) }
        onClick(R.id.measure_rest) { model.toggleRest() }
        onClick(R.id.open_benchmark) { openBenchmark() }
        onClick(R.id.panel_benchmark) { openBenchmark() }
        onClick(R.id.stop_camera) { stopCamera() }
        registry.currentState = Lifecycle.State.CREATED
        model.onState = ::show
        model.onFaces = { overlay.show(it, mirrored = model.isFront) }
        show(model.state)
    }

    override fun onStart() {
        super.onStart()
        registry.currentState = Lifecycle.State.STARTED
        startIfAllowed()
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
        if (!isChangingConfigurations) model.stop()
        super.onStop()
    }

    override fun onDestroy() {
        registry.currentState = Lifecycle.State.DESTROYED
        camera.clearImageAnalysisAnalyzer()
        camera.unbind()
        model.onState = null
        model.onFaces = null
        if (!isChangingConfigurations) model.close()
        super.onDestroy()
    }

    override fun onRetainNonConfigurationInstance(): Any = model

    override fun onSaveInstanceState(state: Bundle) {
        super.onSaveInstanceState(state)
        state.putBoolean(IS_ACCEPTED, model.isAccepted)
        state.putBoolean(IS_FRONT, model.isFront)
        state.putBoolean(HAS_REQUESTED, hasRequested)
    }

    override fun onRequestPermissionsResult(code: Int, permissions: Array<String>, results: IntArray) {
        if (isAllowed()) startCamera() else showPermissionPanel()
    }

    private fun startIfAllowed() {
        when {
            !model.isAccepted -> showPanel(getString(R.string.notice), R.string.start_camera) {
                model.isAccepted = true
                startIfAllowed()
            }
            isAllowed() -> startCamera()
            else -> {
                showPermissionPanel()
                if (!hasRequested) requestPermission()
            }
        }
    }

    private fun isAllowed() =
        checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED

    private fun requestPermission() {
        hasRequested = true
        requestPermissions(arrayOf(Manifest.permission.CAMERA), 0)
    }

    /** Android shows the permission dialog only a few times; then the settings are the only way. */
    private fun showPermissionPanel() {
        val mayRequest = shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)
        val button = if (mayRequest) R.string.allow_camera else R.string.open_settings
        showPanel(getString(R.string.permission_why), button) {
            if (shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)) {
                requestPermission()
            } else {
                val page = Uri.fromParts("package", packageName, null)
                startActivity(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, page))
            }
        }
    }

    private fun startCamera() {
        camera.initializationFuture.addListener({ if (!isDestroyed) bindCamera() }, mainExecutorOf(this))
    }

    private fun bindCamera() {
        try {
            camera.initializationFuture.get()
            val preferred = selector(model.isFront)
            val other = selector(!model.isFront)
            val hasBoth = camera.hasCamera(preferred) && camera.hasCamera(other)
            if (!camera.hasCamera(preferred) && camera.hasCamera(other)) model.face(!model.isFront)
            findViewById<Button>(R.id.switch_camera).isEnabled = hasBoth
            if (!camera.hasCamera(selector(model.isFront))) {
                showNoCamera(getString(R.string.no_camera_found))
                return
            }
            camera.cameraSelector = selector(model.isFront)
            camera.bindToLifecycle(this)
            hidePanel()
        } catch (error: ExecutionException) { // for example "Available cameras: 0"
            showNoCamera(error.cause?.message ?: error.toString())
        } catch (error: IllegalArgumentException) { // no camera has these properties
            showNoCamera(error.message ?: error.toString())
        } catch (error: IllegalStateException) { // the use cases cannot be bound
            showNoCamera(error.message ?: error.toString())
        }
    }

    private fun showNoCamera(reason: String) =
        showPanel(getString(R.string.no_camera, reason), R.string.try_again, ::recreate)

    private fun stopCamera() {
        model.isAccepted = false
        camera.unbind()
        model.stop()
        overlay.clear()
        startIfAllowed()
    }

    private fun switchCamera() {
        model.face(!model.isFront)
        camera.cameraSelector = selector(model.isFront)
    }

    private fun chooseModel(anchor: View) {
        val menu = PopupMenu(this, anchor)
        model.models.choices.forEachIndexed { at, choice -> menu.menu.add(0, at, at, choice.title) }
        menu.setOnMenuItemClickListener { item ->
            model.choose(model.models.choices[item.itemId])
            true
        }
        menu.show()
    }

    private fun openBenchmark() = startActivity(Intent(this, BenchmarkActivity::class.java))

    /** Shows a text with a button in place of the camera picture. */
    private fun showPanel(text: String, button: Int, action: () -> Unit) {
        findViewById<TextView>(R.id.panel_text).text = text
        findViewById<Button>(R.id.panel_button).setText(button)
        onClick(R.id.panel_button) { action() }
        setPanel(true)
    }

    private fun hidePanel() = setPanel(false)

    private fun setPanel(isShown: Boolean) {
        findViewById<View>(R.id.panel).visibility = if (isShown) View.VISIBLE else View.GONE
        val others = if (isShown) View.INVISIBLE else View.VISIBLE // also hidden from TalkBack
        for (id in listOf(R.id.preview, R.id.overlay, R.id.top_bar, R.id.bottom_bar)) {
            findViewById<View>(id).visibility = others
        }
    }

    private fun show(state: UiState) {
        set(R.id.expression, state.expression)
        set(R.id.details, state.details)
        set(R.id.rest, state.rest)
        set(R.id.warning, state.warning)
        set(R.id.measure_rest, state.restButton)
    }

    /** A live region is read at each `setText`, also if the text is the same. */
    private fun set(id: Int, text: String) {
        val view = findViewById<TextView>(id)
        if (view.text.toString() == text) return
        view.text = text
        if (id == R.id.rest || id == R.id.warning) view.visibility = if (text.isEmpty()) View.GONE else View.VISIBLE
    }

    private fun onClick(id: Int, action: (View) -> Unit) =
        findViewById<View>(id).setOnClickListener { action(it) }

    companion object {
        private const val IS_ACCEPTED = "is_accepted"
        private const val IS_FRONT = "is_front"
        private const val HAS_REQUESTED = "has_requested"
        private val ANALYSIS_SIZE = ResolutionSelector.Builder()
            .setAspectRatioStrategy(AspectRatioStrategy.RATIO_4_3_FALLBACK_AUTO_STRATEGY)
            .setResolutionStrategy(
                ResolutionStrategy(
                    Size(640, 480), ResolutionStrategy.FALLBACK_RULE_CLOSEST_HIGHER_THEN_LOWER
                )
            )
            .build()

        private fun selector(isFront: Boolean) =
            if (isFront) CameraSelector.DEFAULT_FRONT_CAMERA else CameraSelector.DEFAULT_BACK_CAMERA
    }
}
