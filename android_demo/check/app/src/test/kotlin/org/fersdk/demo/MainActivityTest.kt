package org.fersdk.demo

import android.Manifest
import android.app.Activity
import android.content.pm.PackageManager
import android.graphics.Color
import android.graphics.Insets
import android.os.Looper
import android.view.Surface
import android.view.View
import android.view.WindowInsets
import android.view.WindowInsetsController
import android.widget.Button
import android.widget.TextView
import androidx.camera.core.CameraSelector
import androidx.camera.view.CameraController
import androidx.camera.view.LifecycleCameraController
import androidx.camera.view.PreviewView
import androidx.lifecycle.Lifecycle
import java.io.File
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import org.fersdk.android.Choice
import org.fersdk.android.FerModels
import org.fersdk.android.Runtime
import org.fersdk.core.Engine
import org.fersdk.core.ExpressionClassifier
import org.fersdk.core.Prior
import org.fersdk.core.VideoRecognizer
import org.json.JSONObject
import org.junit.After
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertSame
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.shadows.ShadowDisplay
import org.robolectric.util.ReflectionHelpers

@RunWith(RobolectricTestRunner::class)
class MainActivityTest {
    private val opened = AtomicInteger()
    private val detector = FakeDetector()
    private val original = MainViewModel.openRecognizer
    private val bothCameras = CameraController.stubCameras
    private lateinit var controller: ActivityController<MainActivity>

    private val activity: MainActivity get() = controller.get()
    private val model: MainViewModel get() = activity.onRetainNonConfigurationInstance() as MainViewModel
    private val camera: LifecycleCameraController
        get() = activity.findViewById<PreviewView>(R.id.preview).controller as LifecycleCameraController
    private val overlay: OverlayView get() = activity.findViewById(R.id.overlay)

    @Before
    fun fakeEngines() = useEngine { choice -> FakeEngine("fake ${choice.runtime.title}", choice.bundle.labels.size) }

    @After
    fun restore() {
        MainViewModel.openRecognizer = original
        CameraController.stubCameras = bothCameras
        CameraController.stubFailure = null
    }

    private fun useEngine(engine: (Choice) -> Engine) {
        MainViewModel.openRecognizer = { models, choice, report ->
            opened.incrementAndGet()
            VideoRecognizer(detector, models.switching(choice, { classifier(it, engine(it)) }, report))
        }
    }

    private fun classifier(choice: Choice, engine: Engine) =
        ExpressionClassifier(choice.bundle, engine, choice.bundle.prior(Prior.TRAINING))

    private fun start(allowed: Boolean = true, accept: Boolean = true) {
        if (allowed) shadowOf(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA)
        controller = Robolectric.buildActivity(MainActivity::class.java).setup()
        settle()
        if (accept) click(R.id.panel_button)
    }

    private fun end() {
        val worker = model.worker
        controller.pause().stop().destroy()
        assertTrue(worker.awaitTermination(20, TimeUnit.SECONDS))
    }

    /** Waits until the worker and the main thread have run their queued tasks. */
    private fun settle() = repeat(3) {
        val worker = model.worker
        if (!worker.isShutdown) worker.submit {}.get(20, TimeUnit.SECONDS)
        shadowOf(Looper.getMainLooper()).idle()
    }

    private fun click(id: Int) {
        activity.findViewById<Button>(id).performClick()
        settle()
    }

    /** Sends a frame; its text is shown at once. */
    private fun frame(rotation: Int = 270): FakeFrame = FakeFrame(rotation).also {
        ReflectionHelpers.setField(model, "nextTextNs", 0L)
        model.worker.submit { camera.stubAnalyzer.analyze(it) }.get(20, TimeUnit.SECONDS)
        settle()
    }

    private fun text(id: Int) = activity.findViewById<TextView>(id).text.toString()

    private fun isShown(id: Int) = activity.findViewById<View>(id).isShown

    private fun layOut(width: Int, height: Int) = overlay.layout(0, 0, width, height)

    private fun choice(runtime: Runtime, name: String) =
        model.models.choices.first { it.runtime == runtime && it.bundle.model.startsWith(name) }

    private fun choose(choice: Choice) {
        model.choose(choice)
        settle()
    }

    @Test
    fun `a notice comes before the camera, and a line stays while it runs`() {
        start(accept = false)
        assertTrue(text(R.id.panel_text), "not stored" in text(R.id.panel_text))
        assertFalse(isShown(R.id.top_bar) || isShown(R.id.bottom_bar))
        assertNull(camera.stubOwner)
        click(R.id.panel_button)
        assertSame(activity, camera.stubOwner)
        assertFalse(isShown(R.id.panel))
        assertTrue(isShown(R.id.top_bar))
        frame()
        click(R.id.stop_camera)
        assertNull(camera.stubOwner)
        assertTrue(isShown(R.id.panel))
        assertEquals(0, overlay.boxes().size)
        click(R.id.panel_button)
        assertSame(activity, camera.stubOwner)
    }

    @Test
    fun `with the permission the camera is bound to the activity and its frames are shown`() {
        start()
        assertSame(activity, camera.stubOwner)
        assertTrue(frame().isClosed)
        assertEquals("happy", text(R.id.expression))
        assertTrue(text(R.id.details), " % · fake LiteRT CPU · detection " in text(R.id.details))
    }

    @Test
    fun `TalkBack reads a new label, not each percentage`() {
        var logit = 6f
        useEngine { FakeEngine("fake", 7) { if (it == 3) logit else 0f } }
        start()
        val spoken = activity.findViewById<TextView>(R.id.expression)
        val details = activity.findViewById<TextView>(R.id.details)
        assertEquals(View.ACCESSIBILITY_LIVE_REGION_POLITE, spoken.accessibilityLiveRegion)
        assertEquals(View.ACCESSIBILITY_LIVE_REGION_NONE, details.accessibilityLiveRegion)
        frame()
        val before = details.text.toString()
        var changes = 0
        spoken.addTextChangedListener(object : android.text.TextWatcher {
            override fun beforeTextChanged(text: CharSequence, start: Int, count: Int, after: Int) = Unit
            override fun onTextChanged(text: CharSequence, start: Int, before: Int, count: Int) { changes++ }
            override fun afterTextChanged(text: android.text.Editable) = Unit
        })
        logit = 2f
        repeat(3) { Thread.sleep(50); frame() }
        assertFalse(before == details.text.toString())
        assertEquals("happy", spoken.text.toString())
        assertEquals(0, changes)
    }

    @Test
    fun `the resting face is measured with a countdown, then its change is shown`() {
        var logits = floatArrayOf(0f, 0f, 0f, 1f, 0f, 0f, 6f)
        useEngine { FakeEngine("fake", 7) { at -> logits[at] } }
        start()
        frame()
        assertEquals("neutral", text(R.id.expression))
        assertEquals("", text(R.id.rest))
        click(R.id.measure_rest)
        frame()
        assertEquals("At rest: 3 s", text(R.id.measure_rest))
        assertEquals(activity.getString(R.string.rest_measuring), text(R.id.rest))
        val deadline = System.nanoTime() + 3_100_000_000
        while (System.nanoTime() < deadline) { Thread.sleep(100); frame() }
        assertEquals(activity.getString(R.string.rest_measured), text(R.id.rest))
        logits = floatArrayOf(0f, 0f, 0f, 5f, 0f, 0f, 6f)
        repeat(8) { Thread.sleep(50); frame() }
        assertEquals("neutral, changed to happy", text(R.id.expression))
        click(R.id.measure_rest) // forgets
        frame()
        assertEquals("neutral", text(R.id.expression))
        assertEquals(activity.getString(R.string.rest_button), text(R.id.measure_rest))
    }

    @Test
    fun `an unsuitable picture of the resting face is named`() {
        detector.noseX = 60.0 // turned aside
        start()
        click(R.id.measure_rest)
        frame()
        assertTrue(text(R.id.rest), "not suitable yet: turned aside" in text(R.id.rest))
        assertEquals("At rest: 3 s", text(R.id.measure_rest))
    }

    @Test
    fun `the permission is requested once, then the panel stays until it is granted`() {
        start(allowed = false)
        val request = shadowOf(activity).lastRequestedPermission
        assertArrayEquals(arrayOf(Manifest.permission.CAMERA), request.requestedPermissions)
        activity.onRequestPermissionsResult(0, request.requestedPermissions, intArrayOf(PackageManager.PERMISSION_DENIED))
        assertTrue(isShown(R.id.panel))
        assertNull(camera.stubOwner)
        controller.pause().stop().start().resume()
        assertTrue(isShown(R.id.panel))

        // Denied permanently: the button opens the settings.
        click(R.id.panel_button)
        val page = shadowOf(activity).nextStartedActivity
        assertEquals(android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS, page.action)
        assertEquals("package:org.fersdk.demo", page.dataString)

        // Granted in the settings: returning starts the camera.
        controller.pause().stop()
        shadowOf(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA)
        controller.restart().start().resume()
        settle()
        assertSame(activity, camera.stubOwner)
        assertFalse(isShown(R.id.panel))
    }

    @Test
    fun `a denied permission is requested again if Android allows it`() {
        start(allowed = false)
        shadowOf(RuntimeEnvironment.getApplication().packageManager)
            .setShouldShowRequestPermissionRationale(Manifest.permission.CAMERA, true)
        // Android clears this field before the callback.
        ReflectionHelpers.setField(Activity::class.java, activity, "mHasCurrentPermissionsRequest", false)
        activity.onRequestPermissionsResult(0, arrayOf(Manifest.permission.CAMERA), intArrayOf(-1))
        assertEquals(activity.getString(R.string.allow_camera), text(R.id.panel_button))
        click(R.id.panel_button)
        val started = generateSequence { shadowOf(activity).nextStartedActivity }.map { it.action }.toList()
        val requested = "android.content.pm.action.REQUEST_PERMISSIONS"
        assertEquals("two requests, no settings", listOf(requested, requested), started)
    }

    @Test
    fun `the front camera is mirrored, the back camera is not`() {
        start()
        layOut(128, 160) // twice the upright frame
        frame()
        assertSame(CameraSelector.DEFAULT_FRONT_CAMERA, camera.cameraSelector)
        assertArrayEquals(floatArrayOf(48f, 40f, 108f, 120f), overlay.boxes().single(), 0f)
        click(R.id.switch_camera)
        assertSame(CameraSelector.DEFAULT_BACK_CAMERA, camera.cameraSelector)
        frame(90)
        assertArrayEquals(floatArrayOf(20f, 40f, 80f, 120f), overlay.boxes().single(), 0f)
    }

    @Test
    fun `boxes stay in place when the phone is turned and the screen is not`() {
        start()
        click(R.id.switch_camera)
        layOut(128, 160)
        // The same place of the buffer in frames that are upright for each orientation of the phone.
        for ((rotation, box) in listOf(
            90 to listOf(10, 20, 40, 60), 180 to listOf(20, 10, 60, 40),
            270 to listOf(24, 20, 54, 60), 0 to listOf(20, 24, 60, 54),
        )) {
            detector.box = box.map { it.toDouble() }.toDoubleArray()
            frame(rotation)
            assertArrayEquals("$rotation", floatArrayOf(20f, 40f, 80f, 120f), overlay.boxes().single(), 0f)
        }
        // The front camera turns the other way, and its picture is mirrored.
        click(R.id.switch_camera)
        detector.box = doubleArrayOf(20.0, 24.0, 60.0, 54.0)
        frame(180)
        assertArrayEquals(floatArrayOf(48f, 40f, 108f, 120f), overlay.boxes().single(), 0f)
    }

    @Test
    fun `boxes follow a screen that turns with the phone`() {
        start()
        click(R.id.switch_camera)
        for ((display, rotation) in listOf(Surface.ROTATION_90 to 0, Surface.ROTATION_270 to 180)) {
            shadowOf(ShadowDisplay.getDefaultDisplay()).setRotation(display)
            layOut(160, 128)
            frame(rotation)
            assertArrayEquals("$display", floatArrayOf(20f, 40f, 80f, 120f), overlay.boxes().single(), 0f)
        }
    }

    @Test
    fun `rotating the phone keeps the loaded model, the camera and the resting face`() {
        start()
        click(R.id.switch_camera)
        click(R.id.measure_rest)
        val old = camera
        val former = activity
        controller.recreate()
        settle()
        assertFalse(former === activity)
        assertSame(CameraSelector.DEFAULT_BACK_CAMERA, camera.cameraSelector)
        assertSame(activity, camera.stubOwner)
        assertNull(old.stubOwner)
        assertNull(old.stubAnalyzer)
        assertEquals(Lifecycle.State.DESTROYED, former.lifecycle.currentState)
        assertEquals(0, detector.closed.get())
        assertEquals(1, opened.get())
        frame(90)
        assertEquals("happy", text(R.id.expression))
        assertEquals(activity.getString(R.string.rest_measuring), text(R.id.rest))
    }

    @Test
    fun `a destroyed activity holds no camera and no model`() {
        start()
        val held = camera
        assertEquals(Lifecycle.State.RESUMED, activity.lifecycle.currentState)
        controller.pause()
        assertEquals(Lifecycle.State.STARTED, activity.lifecycle.currentState)
        controller.stop()
        assertEquals(Lifecycle.State.CREATED, activity.lifecycle.currentState)
        val worker = model.worker
        controller.destroy()
        assertNull(held.stubOwner)
        assertNull(held.stubAnalyzer)
        assertTrue(worker.awaitTermination(20, TimeUnit.SECONDS))
        assertEquals(1, detector.closed.get())
    }

    @Test
    fun `an engine that fails while running is replaced, and the reason is shown`() {
        useEngine { FakeEngine(it.runtime.title, 7, fails = it.runtime != Runtime.LITERT_CPU) }
        start()
        choose(choice(Runtime.LITERT_GPU, "small"))
        frame()
        assertTrue(text(R.id.warning), text(R.id.warning).startsWith("LiteRT GPU lost its device; switched to small"))
        assertTrue(isShown(R.id.warning))
        assertEquals("happy", text(R.id.expression))
        assertTrue(text(R.id.details), "LiteRT CPU" in text(R.id.details))
    }

    @Test
    fun `a network on a GPU that gives NaN is replaced by its int8 file`() {
        useEngine { choice ->
            val gpu = choice.runtime == Runtime.LITERT_GPU
            FakeEngine(choice.runtime.title, 7) { at -> if (gpu) Float.NaN else if (at == 5) 6f else 0f }
        }
        start()
        choose(choice(Runtime.LITERT_GPU, "base"))
        frame()
        assertTrue(text(R.id.warning), "switched to base-int8" in text(R.id.warning))
        assertEquals("surprise", text(R.id.expression))
    }

    @Test
    fun `a failure without a fallback ends recognition with its reason`() {
        useEngine { FakeEngine("broken", 7, fails = true) }
        start()
        frame()
        assertTrue(text(R.id.warning), text(R.id.warning).startsWith("broken lost its device"))
        assertTrue(frame().isClosed)
        assertEquals("", text(R.id.expression))
    }

    @Test
    fun `a face whose points define no crop ends recognition with its reason`() {
        detector.hasPoints = false
        start()
        assertTrue(frame().isClosed)
        assertTrue(text(R.id.warning), text(R.id.warning).startsWith("no crop is defined by "))
    }

    @Test
    fun `without any engine the reason is shown`() {
        MainViewModel.openRecognizer = original // LiteRT, which is a stub in this test
        start()
        assertTrue(text(R.id.warning), "LiteRT CPU cannot load yunet-float32-320x320.tflite" in text(R.id.warning))
        assertTrue(frame().isClosed)
    }

    @Test
    fun `with one camera the switch is disabled`() {
        CameraController.stubCameras = setOf(CameraSelector.DEFAULT_BACK_CAMERA)
        start()
        assertSame(CameraSelector.DEFAULT_BACK_CAMERA, camera.cameraSelector)
        assertFalse(activity.findViewById<Button>(R.id.switch_camera).isEnabled)
    }

    @Test
    fun `a screen says why no camera could be opened`() {
        for ((cameras, failure) in listOf(
            emptySet<CameraSelector>() to null,
            bothCameras to IllegalStateException("Expected camera missing. Available cameras: 0"),
        )) {
            CameraController.stubCameras = cameras
            CameraController.stubFailure = failure
            start()
            assertTrue(isShown(R.id.panel))
            assertTrue(text(R.id.panel_text), text(R.id.panel_text).startsWith("No camera could be opened."))
            assertTrue((failure?.message ?: activity.getString(R.string.no_camera_found)) in text(R.id.panel_text))
            assertNull(camera.stubOwner)
            click(R.id.panel_benchmark)
            assertEquals(BenchmarkActivity::class.java.name, shadowOf(activity).nextStartedActivity.component!!.className)
            CameraController.stubFailure = null
            CameraController.stubCameras = bothCameras
            click(R.id.panel_button) // try again
            settle()
            assertSame(activity, camera.stubOwner)
            end()
        }
    }

    @Test
    fun `the int8 model on the CPU is the default, and each model is offered with its runtimes`() {
        val models = FerModels(RuntimeEnvironment.getApplication())
        val titles = models.choices.map(Choice::title)
        assertEquals(models.default, models.choices.first())
        assertEquals(Runtime.LITERT_CPU, models.default.runtime)
        assertEquals("int8", models.default.bundle.precision)
        val golden = File(System.getProperty("fer.repository", "../../.."), "tests/golden/defaults.json")
        val default = JSONObject(golden.readText()).getString("model")
        // The assets of this test are an export, in which a variant with float input comes first.
        val name = models.default.bundle.model
        assertTrue(name, name in setOf("$default.tflite", "$default-float-io.tflite"))
        assertTrue("$titles", titles.any { it.startsWith("ONNX Runtime CPU") })
        assertEquals(titles.size, titles.toSet().size)
        val onnx = models.choices.first { it.bundle.model.endsWith("int8.onnx") }
        models.classifier(onnx).use { assertEquals("ONNX Runtime CPU", it.place) }
        for (choice in models.choices) {
            val fallback = models.fallbackOf(choice)
            if (fallback == null) continue
            assertEquals(choice.bundle.labels, fallback.bundle.labels)
            assertEquals(Runtime.LITERT_CPU, fallback.runtime)
            if (choice.runtime == Runtime.LITERT_CPU && choice.bundle.precision == "int8") continue
            assertTrue(choice.title, fallback.bundle.model.substringBefore("-int8") in choice.title)
        }
    }

    @Test
    fun `a choice is kept after a good run only`() {
        start()
        choose(choice(Runtime.LITERT_GPU, "nano"))
        repeat(MainViewModel.GOOD_FRAMES - 1) { frame() }
        end()
        start()
        assertEquals(model.models.default, model.choice)
        choose(choice(Runtime.LITERT_GPU, "nano"))
        repeat(MainViewModel.GOOD_FRAMES) { frame() }
        val kept = model.choice.title
        end()
        start()
        assertEquals(kept, model.choice.title)
        assertEquals("", text(R.id.warning))
    }

    @Test
    fun `a choice that fails is not kept`() {
        useEngine { FakeEngine(it.runtime.title, 7, fails = it.runtime == Runtime.LITERT_GPU) }
        start()
        choose(choice(Runtime.LITERT_GPU, "nano"))
        repeat(MainViewModel.GOOD_FRAMES) { frame() }
        end()
        start()
        assertEquals(model.models.default, model.choice)
    }

    @Test
    fun `a choice that crashed the app is not tried again`() {
        start()
        val gpu = choice(Runtime.LITERT_GPU, "nano")
        repeat(2) { if (it == 0) choose(gpu); repeat(MainViewModel.GOOD_FRAMES) { frame() } }
        end()
        ModelStore(RuntimeEnvironment.getApplication()).begin(gpu) // the process ends during the next trial
        start()
        assertEquals(model.models.default, model.choice)
        assertTrue(text(R.id.warning), text(R.id.warning).startsWith("The app ended while it tried ${gpu.title}"))
        end()
        start()
        assertEquals(model.models.default, model.choice)
        assertEquals("", text(R.id.warning))
    }

    @Test
    fun `system bars add to the padding`() {
        assertEquals(36, RuntimeEnvironment.getApplication().applicationInfo.targetSdkVersion)
        start()
        val layout = activity.layoutInflater.inflate(R.layout.activity_main, null) // has received no insets
        val bars = WindowInsets.Builder().setInsets(WindowInsets.Type.systemBars(), Insets.of(0, 100, 0, 60)).build()
        for ((id, top, bottom) in listOf(
            Triple(R.id.top_bar, 100, 0), Triple(R.id.bottom_bar, 0, 60), Triple(R.id.panel, 100, 60),
        )) {
            val given = layout.findViewById<View>(id)
            val before = listOf(given.paddingLeft, given.paddingTop, given.paddingRight, given.paddingBottom)
            assertTrue(before.any { it > 0 })
            val view = activity.findViewById<View>(id)
            repeat(2) { view.dispatchApplyWindowInsets(bars) } // not added twice
            val after = listOf(view.paddingLeft, view.paddingTop, view.paddingRight, view.paddingBottom)
            assertEquals(listOf(before[0], before[1] + top, before[2], before[3] + bottom), after)
        }
    }

    @Test
    fun `the icons of the system bars contrast with the panels`() {
        for (mode in listOf("notnight", "night")) {
            RuntimeEnvironment.setQualifiers("+$mode")
            start()
            val icons = activity.window.decorView.windowInsetsController!!.systemBarsAppearance
            val dark = WindowInsetsController.APPEARANCE_LIGHT_STATUS_BARS
            val isLightPanel = Color.luminance(activity.getColor(R.color.panel)) > 0.5
            assertEquals(mode != "night", isLightPanel)
            assertEquals("dark icons, $mode", isLightPanel, icons and dark != 0)
            end()
        }
    }

    @Test
    fun `all controls have labels and are large enough`() {
        start()
        for (id in listOf(
            R.id.measure_rest, R.id.switch_camera, R.id.choose_model, R.id.open_benchmark, R.id.panel_button,
            R.id.panel_benchmark, R.id.stop_camera,
        )) {
            val button = activity.findViewById<Button>(id)
            assertTrue(button.text.isNotBlank())
            assertTrue(button.minimumHeight >= 48 * activity.resources.displayMetrics.density)
        }
        assertTrue(activity.findViewById<View>(R.id.preview).contentDescription.isNotBlank())
        assertTrue(overlay.contentDescription.isNotBlank())
    }
}
