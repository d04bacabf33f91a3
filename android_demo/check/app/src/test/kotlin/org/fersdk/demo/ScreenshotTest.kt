package org.fersdk.demo

import android.Manifest
import android.app.Activity
import android.graphics.Bitmap
import android.graphics.BitmapFactory
import android.graphics.Canvas
import android.graphics.Insets
import android.graphics.Rect
import android.graphics.drawable.BitmapDrawable
import android.os.Looper
import android.view.View
import android.view.ViewGroup
import android.view.WindowInsets
import android.widget.Button
import android.widget.TextView
import androidx.camera.view.CameraController
import androidx.camera.view.LifecycleCameraController
import androidx.camera.view.PreviewView
import java.io.File
import java.util.concurrent.TimeUnit
import org.fersdk.core.ExpressionClassifier
import org.fersdk.core.Prior
import org.fersdk.core.VideoRecognizer
import org.junit.After
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.Robolectric
import org.robolectric.RobolectricTestRunner
import org.robolectric.RuntimeEnvironment
import org.robolectric.Shadows.shadowOf
import org.robolectric.android.controller.ActivityController
import org.robolectric.annotation.GraphicsMode
import org.robolectric.util.ReflectionHelpers

/**
 * Lays out each screen on several devices and checks that buttons and texts fit.
 *
 * If the environment variable FER_SCREENSHOTS names a folder, it writes a picture of each screen there.
 */
@RunWith(RobolectricTestRunner::class)
@GraphicsMode(GraphicsMode.Mode.NATIVE)
class ScreenshotTest {
    private val original = MainViewModel.openRecognizer
    private val folder = System.getenv("FER_SCREENSHOTS")?.let { File(it).apply { mkdirs() } }
    private val detector = FakeDetector()
    private var logits = REST
    private lateinit var controller: ActivityController<out Activity>
    private val activity get() = controller.get()
    private val photo: Bitmap by lazy {
        val repository = System.getProperty("fer.repository", "../../..")
        BitmapFactory.decodeFile(File(repository, "examples/eileen_collins.png").path)
    }

    @After
    fun restore() {
        MainViewModel.openRecognizer = original
        CameraController.stubFailure = null
    }

    @Test
    fun `light phone`() = screens("light", "w411dp-h891dp-notnight-xhdpi")

    @Test
    fun `dark phone`() = screens("dark", "w411dp-h891dp-night-xhdpi")

    @Test
    fun `320 dp with a large font`() = screens("320dp-large-font", "w320dp-h568dp-notnight-xhdpi", 1.5f)

    @Test
    fun `phone held sideways`() = screens("sideways", "w891dp-h411dp-land-notnight-xhdpi")

    @Test
    fun `tablet`() = screens("tablet", "w800dp-h1280dp-notnight-hdpi")

    private fun screens(device: String, qualifiers: String, fontScale: Float = 1f) {
        RuntimeEnvironment.setQualifiers(qualifiers)
        RuntimeEnvironment.setFontScale(fontScale)
        shadowOf(RuntimeEnvironment.getApplication()).grantPermissions(Manifest.permission.CAMERA)
        MainViewModel.openRecognizer = { models, choice, report ->
            val open = { ExpressionClassifier(choice.bundle, FakeEngine("LiteRT CPU", 7) { logits[it] }, choice.bundle.prior(Prior.TRAINING)) }
            VideoRecognizer(detector, models.switching(choice, { open() }, report))
        }
        controller = Robolectric.buildActivity(MainActivity::class.java).setup()
        capture("$device-notice")
        click(R.id.panel_button)
        click(R.id.switch_camera)
        showPhoto()
        frame()
        click(R.id.measure_rest)
        repeat(2) { frame() }
        capture("$device-measuring")
        measureRest()
        logits = SMILE
        repeat(8) { Thread.sleep(50); frame() }
        capture("$device-change")
        CameraController.stubFailure = IllegalStateException("Expected camera missing from device. Available cameras: 0")
        click(R.id.stop_camera)
        click(R.id.panel_button)
        capture("$device-no-camera")
        controller.pause().stop().destroy()
        controller = Robolectric.buildActivity(BenchmarkActivity::class.java).setup()
        activity.findViewById<TextView>(R.id.rows).text = List(4) {
            activity.getString(R.string.benchmark_row, "LiteRT CPU · small-int8", 1.234, 1.456, 2.345)
        }.joinToString("\n")
        capture("$device-benchmark")
        controller.pause().stop().destroy()
    }

    /** Gives all faces a baseline without waiting for its three seconds. */
    private fun measureRest() {
        val recognizer = analyzer().recognizer
        val face = recognizer.recognize(org.fersdk.core.Image(64, 80, 3).apply { java.util.Random(0).nextBytes(levels) }, System.nanoTime() / 1e9).single()
        val collector = org.fersdk.core.BaselineCollector(recognizer.active.bundle, recognizer.active.prior)
        repeat(5) { collector.add(face.probabilities, face.quality) }
        recognizer.setBaseline(face.id, collector.baseline())
        frame()
    }

    private fun analyzer(): FaceAnalyzer = ReflectionHelpers.getField(model(), "analyzer")

    private fun model() = (activity as MainActivity).onRetainNonConfigurationInstance() as MainViewModel

    private fun settle() {
        (controller.get() as? MainActivity)?.let { repeat(2) { model().worker.submit {}.get(20, TimeUnit.SECONDS); idle() } }
        idle()
    }

    private fun idle() = shadowOf(Looper.getMainLooper()).idle()

    private fun click(id: Int) {
        activity.findViewById<Button>(id).performClick()
        settle()
    }

    private fun frame() {
        ReflectionHelpers.setField(model(), "nextTextNs", 0L)
        val preview = activity.findViewById<PreviewView>(R.id.preview)
        val analyzer = (preview.controller as LifecycleCameraController).stubAnalyzer
        model().worker.submit { analyzer.analyze(FakeFrame(90)) }.get(20, TimeUnit.SECONDS)
        settle()
    }

    /** Shows the sample photo as the camera's picture, cropped to the screen, and puts the box on its face. */
    private fun showPhoto() {
        val preview = activity.findViewById<View>(R.id.preview)
        val share = preview.width.toDouble() / preview.height
        val width = minOf(512, (512 * share).toInt())
        val height = minOf(512, (512 / share).toInt())
        val left = (225 - width / 2).coerceIn(0, 512 - width)
        val part = Bitmap.createBitmap(photo, left, 0, width, height)
        preview.background = BitmapDrawable(activity.resources, part)
        val face = doubleArrayOf(178.0, 58.0, 270.0, 175.0)
        detector.box = DoubleArray(4) {
            if (it % 2 == 0) (face[it] - left) / width * 64 else face[it] / height * 80
        }
    }

    private fun capture(name: String) {
        settle()
        val decor = activity.window.decorView
        val density = activity.resources.displayMetrics.density
        val bars = WindowInsets.Builder()
            .setInsets(WindowInsets.Type.systemBars(), Insets.of(0, (24 * density).toInt(), 0, (24 * density).toInt()))
            .build()
        decor.findViewById<View>(android.R.id.content).dispatchApplyWindowInsets(bars)
        val width = decor.width
        val height = decor.height
        decor.measure(
            View.MeasureSpec.makeMeasureSpec(width, View.MeasureSpec.EXACTLY),
            View.MeasureSpec.makeMeasureSpec(height, View.MeasureSpec.EXACTLY),
        )
        decor.layout(0, 0, width, height)
        if (folder != null) {
            val picture = Bitmap.createBitmap(width, height, Bitmap.Config.ARGB_8888)
            decor.draw(Canvas(picture))
            File(folder, "$name.png").outputStream().use { picture.compress(Bitmap.CompressFormat.PNG, 100, it) }
        }
        checkFits(name, decor)
    }

    /** Checks that shown buttons lie on the screen, between the system bars, and that no text is cut off. */
    private fun checkFits(name: String, view: View) {
        if (!view.isShown) return
        if (view is ViewGroup) for (at in 0 until view.childCount) checkFits(name, view.getChildAt(at))
        if (view !is TextView || view.text.isEmpty()) return
        val shown = Rect()
        val text = "$name: ${view.text}"
        if (view is Button) {
            assertTrue("$text is not on the screen", view.getGlobalVisibleRect(shown))
            assertTrue("$text is cut off", shown.width() == view.width && shown.height() == view.height)
        }
        val layout = view.layout ?: return
        val space = view.height - view.compoundPaddingTop - view.compoundPaddingBottom
        assertTrue("$text does not fit", layout.height <= space + 1)
    }

    private companion object {
        val REST = floatArrayOf(0f, 0f, 0f, 1f, 1f, 0f, 4f)
        val SMILE = floatArrayOf(0f, 0f, 0f, 5f, 0f, 0f, 4f)
    }
}
