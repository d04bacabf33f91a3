package org.fersdk.demo

import android.Manifest
import android.app.Activity
import android.content.pm.PackageManager
import android.graphics.Rect
import android.view.View
import android.widget.Button
import android.widget.TextView
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageInfo
import androidx.camera.core.ImageProxy
import androidx.camera.view.CameraController
import androidx.camera.view.LifecycleCameraController
import androidx.camera.view.PreviewView
import androidx.lifecycle.Lifecycle
import java.io.File
import java.nio.ByteBuffer
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import org.fersdk.android.Choice
import org.fersdk.android.FerModels
import org.fersdk.core.Engine
import org.fersdk.core.EngineException
import org.fersdk.core.ExpressionClassifier
import org.fersdk.core.Face
import org.fersdk.core.FaceDetector
import org.fersdk.core.Image
import org.fersdk.core.ModelBundle
import org.fersdk.core.Prior
import org.fersdk.core.SwitchingClassifier
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
import org.robolectric.util.ReflectionHelpers

/** A detector that finds one synthetic face at the same position in every frame. */
class FakeDetector(private val closed: AtomicInteger) : FaceDetector {
    private val face = Face().apply {
        doubleArrayOf(10.0, 20.0, 40.0, 60.0).copyInto(box)
        landmarks.rightEyeX = 18.0
        landmarks.rightEyeY = 32.0
        landmarks.leftEyeX = 32.0
        landmarks.leftEyeY = 32.0
        landmarks.mouthX = 25.0
        landmarks.mouthY = 48.0
    }

    override fun detect(image: Image) = listOf(face)

    override fun close() {
        closed.incrementAndGet()
    }
}

/** An engine with constant output. */
class FakeEngine(override val place: String, private val fails: Boolean = false) : Engine {
    override val inputShape = listOf(1, 48, 48, 1)
    override val outputSizes = listOf(7)

    override fun run(input: FloatArray, outputs: List<FloatArray>) {
        if (fails) throw EngineException("$place lost its device")
        floatArrayOf(0f, 0f, 0f, 6f, 0f, 0f, 0f).copyInto(outputs[0])
    }

    override fun close() = Unit
}

/** A black camera frame of 64 x 80 pixels, in a buffer that is rotated by 90 degrees. */
class FakeFrame(private val rotation: Int) : ImageProxy {
    var isClosed = false

    override fun close() {
        isClosed = true
    }

    override fun getCropRect() = Rect(0, 0, 80, 64)

    override fun getPlanes() = arrayOf<ImageProxy.PlaneProxy>(
        object : ImageProxy.PlaneProxy {
            override fun getRowStride() = 4 * 80

            override fun getBuffer(): ByteBuffer = ByteBuffer.allocateDirect(4 * 80 * 64)
        }
    )

    override fun getImageInfo() = object : ImageInfo {
        override fun getRotationDegrees() = rotation

        override fun getTimestamp() = 0L
    }
}

@RunWith(RobolectricTestRunner::class)
class MainActivityTest {
    private val opened = AtomicInteger()
    private val closed = AtomicInteger()
    private val original = MainActivity.openRecognizer
    private val bothCameras = CameraController.stubCameras
    private lateinit var controller: ActivityController<MainActivity>

    private val activity: MainActivity get() = controller.get()
    private val camera: LifecycleCameraController
        get() = activity.findViewById<PreviewView>(R.id.preview).controller as LifecycleCameraController
    private val overlay: OverlayView get() = activity.findViewById(R.id.overlay)

    @Before
    fun fakeEngines() = useEngine { FakeEngine("fake GPU") }

    @After
    fun restore() {
        MainActivity.openRecognizer = original
        CameraController.stubCameras = bothCameras
    }

    private fun useEngine(engine: () -> Engine) {
        MainActivity.openRecognizer = { assets, choice, report ->
            opened.incrementAndGet()
            VideoRecognizer(
                FakeDetector(closed),
                SwitchingClassifier(
                    { classifier(choice.bundle, engine()) },
                    { classifier(FerModels(assets).fallback.bundle, FakeEngine("fake CPU")) },
                    report,
                ),
            )
        }
    }

    private fun classifier(bundle: ModelBundle, engine: Engine) =
        ExpressionClassifier(bundle, engine, bundle.prior(Prior.TRAINING))

    private fun start(allowed: Boolean = true) {
        if (allowed) shadowOf(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA)
        controller = Robolectric.buildActivity(MainActivity::class.java).setup()
        settle()
    }

    /** Waits until the worker and the main thread have run their queued tasks. */
    private fun settle() = repeat(4) {
        val worker = MainActivity::class.java.getDeclaredField("worker").apply { isAccessible = true }
            .get(activity) as java.util.concurrent.ExecutorService
        if (!worker.isShutdown) worker.submit {}.get(20, TimeUnit.SECONDS)
        shadowOf(android.os.Looper.getMainLooper()).idle()
    }

    private fun frame(rotation: Int = 90): FakeFrame = FakeFrame(rotation).also {
        camera.stubAnalyzer.analyze(it)
        settle()
    }

    private fun text(id: Int) = activity.findViewById<TextView>(id).text.toString()

    private fun layOut(width: Int, height: Int) = overlay.layout(0, 0, width, height)

    @Test
    fun `with the permission the camera is bound to the activity and its frames are shown`() {
        start()
        assertSame(activity, camera.stubOwner)
        assertEquals(View.GONE, activity.findViewById<View>(R.id.permission_panel).visibility)
        assertTrue(frame().isClosed)
        assertEquals("happy 100 %", text(R.id.expression))
        assertTrue(text(R.id.status), text(R.id.status).startsWith("fake GPU · detection "))
    }

    @Test
    fun `the permission is requested once, then the panel stays until it is granted`() {
        start(allowed = false)
        val request = shadowOf(activity).lastRequestedPermission
        assertArrayEquals(arrayOf(Manifest.permission.CAMERA), request.requestedPermissions)
        activity.onRequestPermissionsResult(0, request.requestedPermissions, intArrayOf(PackageManager.PERMISSION_DENIED))
        assertEquals(View.VISIBLE, activity.findViewById<View>(R.id.permission_panel).visibility)
        assertNull(camera.stubOwner)
        controller.pause().stop().start().resume()
        assertEquals(View.VISIBLE, activity.findViewById<View>(R.id.permission_panel).visibility)

        // Denied permanently: the button opens the settings.
        activity.findViewById<Button>(R.id.permission_button).performClick()
        val page = shadowOf(activity).nextStartedActivity
        assertEquals(android.provider.Settings.ACTION_APPLICATION_DETAILS_SETTINGS, page.action)
        assertEquals("package:org.fersdk.demo", page.dataString)

        // Granted in the settings: returning starts the camera.
        controller.pause().stop()
        shadowOf(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA)
        controller.restart().start().resume()
        settle()
        assertSame(activity, camera.stubOwner)
        assertEquals(View.GONE, activity.findViewById<View>(R.id.permission_panel).visibility)
    }

    @Test
    fun `a denied permission is requested again if Android allows it`() {
        start(allowed = false)
        shadowOf(RuntimeEnvironment.getApplication().packageManager)
            .setShouldShowRequestPermissionRationale(Manifest.permission.CAMERA, true)
        // Android clears this field before the callback.
        ReflectionHelpers.setField(Activity::class.java, activity, "mHasCurrentPermissionsRequest", false)
        activity.onRequestPermissionsResult(0, arrayOf(Manifest.permission.CAMERA), intArrayOf(-1))
        assertEquals(activity.getString(R.string.allow_camera), text(R.id.permission_button))
        activity.findViewById<Button>(R.id.permission_button).performClick()
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
        activity.findViewById<Button>(R.id.switch_camera).performClick()
        settle()
        assertSame(CameraSelector.DEFAULT_BACK_CAMERA, camera.cameraSelector)
        frame()
        assertArrayEquals(floatArrayOf(20f, 40f, 80f, 120f), overlay.boxes().single(), 0f)
    }

    @Test
    fun `frames are rotated upright for each orientation of the phone`() {
        start()
        layOut(128, 160)
        for ((rotation, right) in listOf(90 to 108f, 270 to 108f, 0 to 112f, 180 to 112f)) {
            frame(rotation)
            if (rotation % 180 == 0) layOut(160, 128) else layOut(128, 160)
            val box = overlay.boxes().single()
            assertEquals("$rotation", if (rotation % 180 == 0) 140f else right, box[2], 0f)
        }
    }

    @Test
    fun `rotating the phone keeps model and camera, and closes those of the old activity`() {
        start()
        activity.findViewById<Button>(R.id.switch_camera).performClick()
        val old = camera
        val former = activity
        controller.recreate()
        settle()
        assertSame(CameraSelector.DEFAULT_BACK_CAMERA, camera.cameraSelector)
        assertNull(old.stubOwner)
        assertNull(old.stubAnalyzer)
        assertEquals(Lifecycle.State.DESTROYED, former.lifecycle.currentState)
        val deadline = System.nanoTime() + 5_000_000_000
        while (closed.get() < 1 && System.nanoTime() < deadline) Thread.sleep(10)
        assertEquals(1, closed.get())
        assertEquals(2, opened.get())
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
        controller.destroy()
        assertNull(held.stubOwner)
        assertNull(held.stubAnalyzer)
        val deadline = System.nanoTime() + 5_000_000_000
        while (closed.get() < 1 && System.nanoTime() < deadline) Thread.sleep(10)
        assertEquals(1, closed.get())
    }

    @Test
    fun `an engine that fails while running is replaced, and the reason is shown`() {
        useEngine { FakeEngine("fake GPU", fails = true) }
        start()
        frame()
        assertTrue(text(R.id.notice), text(R.id.notice).startsWith("fake GPU lost its device; switched to"))
        assertEquals(View.VISIBLE, activity.findViewById<View>(R.id.notice).visibility)
        assertEquals("happy 100 %", text(R.id.expression))
        assertTrue(text(R.id.status).startsWith("fake CPU"))
    }

    @Test
    fun `without any engine the reason is shown`() {
        MainActivity.openRecognizer = original // LiteRT, which is a stub in this test
        start()
        assertTrue(text(R.id.notice), "LiteRT CPU cannot load yunet-float32-320x320.tflite" in text(R.id.notice))
        assertNull(camera.stubAnalyzer)
    }

    @Test
    fun `with one camera the switch is disabled, without a camera a notice is shown`() {
        CameraController.stubCameras = setOf(CameraSelector.DEFAULT_BACK_CAMERA)
        start()
        assertSame(CameraSelector.DEFAULT_BACK_CAMERA, camera.cameraSelector)
        assertFalse(activity.findViewById<Button>(R.id.switch_camera).isEnabled)
        controller.pause().stop().destroy()
        CameraController.stubCameras = emptySet()
        start()
        assertEquals(activity.getString(R.string.no_camera), text(R.id.notice))
        assertNull(camera.stubOwner)
    }

    @Test
    fun `each model in the assets is offered with the runtimes that support it`() {
        val models = FerModels(RuntimeEnvironment.getApplication().assets)
        val titles = models.choices.map(Choice::title)
        assertEquals("LiteRT GPU", models.choices.first().runtime.title)
        assertEquals("small-float32.tflite", models.choices.first().bundle.model)
        assertEquals("int8", models.fallback.bundle.precision)
        val golden = File(System.getProperty("fer.repository", "../../.."), "tests/golden/defaults.json")
        val default = JSONObject(golden.readText()).getString("model")
        // The assets of this test are an export, in which a variant with float input comes first.
        val name = models.fallback.bundle.model
        assertTrue(name, name in setOf("$default.tflite", "$default-float-io.tflite"))
        assertTrue("$titles", titles.any { it.startsWith("ONNX Runtime CPU") })
        assertEquals(titles.size, titles.toSet().size)
        val onnx = models.choices.first { it.bundle.model.endsWith("int8.onnx") }
        models.classifier(onnx).use { assertEquals("ONNX Runtime CPU", it.place) }
    }

    @Test
    fun `all controls have labels and are large enough, in light and dark mode`() {
        for (mode in listOf("notnight", "night")) {
            RuntimeEnvironment.setQualifiers("+$mode")
            start()
            for (id in listOf(R.id.switch_camera, R.id.choose_model, R.id.open_benchmark, R.id.permission_button)) {
                val button = activity.findViewById<Button>(id)
                assertTrue(button.text.isNotBlank())
                assertTrue(button.minimumHeight >= 48 * activity.resources.displayMetrics.density)
            }
            assertTrue(activity.findViewById<View>(R.id.preview).contentDescription.isNotBlank())
            assertTrue(overlay.contentDescription.isNotBlank())
            val panel = activity.getColor(R.color.panel)
            assertEquals(mode == "night", android.graphics.Color.luminance(panel) < 0.5)
            controller.pause().stop().destroy()
        }
    }
}
