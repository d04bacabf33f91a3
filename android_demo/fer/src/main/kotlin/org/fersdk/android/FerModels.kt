package org.fersdk.android

import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import org.fersdk.core.BlazeFace
import org.fersdk.core.BundleException
import org.fersdk.core.Engine
import org.fersdk.core.ExpressionClassifier
import org.fersdk.core.ModelBundle
import org.fersdk.core.OrtEngine
import org.fersdk.core.SwitchingClassifier
import org.fersdk.core.VideoRecognizer

/** Where a model can run. */
enum class Runtime(val title: String) {
    LITERT_GPU("LiteRT GPU"),
    LITERT_CPU("LiteRT CPU"),
    ONNX_CPU("ONNX Runtime CPU"),
}

/** One model in one runtime. */
data class Choice(val bundle: ModelBundle, val runtime: Runtime) {
    val title: String get() = "${runtime.title} · ${bundle.model.substringBeforeLast('.')}"
}

/** The models among an app's assets: every .tflite and .onnx that has its sidecar beside it. */
class FerModels(private val assets: AssetManager) {
    val bundles: List<ModelBundle>

    /** Every model in every runtime that can take it, the default one first. */
    val choices: List<Choice>

    init {
        val names = assets.list("").orEmpty().toSet()
        bundles = names.filter { it.endsWith(".tflite") || it.endsWith(".onnx") }
            .filter { it + ModelBundle.SIDECAR_SUFFIX in names }
            .sortedWith(compareBy({ !it.startsWith(DEFAULT) }, { it }))
            .map { name ->
                val sidecar = assets.readWhole(name + ModelBundle.SIDECAR_SUFFIX)
                ModelBundle.parse(name, sidecar.decodeToString())
            }
        if (bundles.none(::isSmall)) {
            throw BundleException(
                "no int8 .tflite model with its sidecar is among the assets: see android_demo/README.md"
            )
        }
        choices = bundles.flatMap(::choicesOf).sortedBy { it.runtime }
    }

    /** Where a model can run: GPUs get float models, which lose nothing there. */
    private fun choicesOf(bundle: ModelBundle): List<Choice> = when {
        bundle.model.endsWith(".onnx") -> listOf(Runtime.ONNX_CPU)
        bundle.precision.startsWith("float") -> listOf(Runtime.LITERT_GPU, Runtime.LITERT_CPU)
        else -> listOf(Runtime.LITERT_CPU)
    }.map { Choice(bundle, it) }

    /** What always runs: the int8 model on the CPU. */
    val fallback: Choice get() = Choice(bundles.first(::isSmall), Runtime.LITERT_CPU)

    /** Opens a model, after a look at its hash. */
    fun classifier(choice: Choice, threads: Int = 1): ExpressionClassifier {
        val bundle = choice.bundle
        val bytes = assets.readWhole(bundle.model)
        bundle.checkModel(bytes)
        val engine: Engine = when (choice.runtime) {
            Runtime.LITERT_GPU -> LiteRtEngine(assets, bundle.model, Accelerator.GPU)
            Runtime.LITERT_CPU -> LiteRtEngine(assets, bundle.model, Accelerator.CPU, threads)
            Runtime.ONNX_CPU -> OrtEngine(bundle.model, bytes, threads)
        }
        return ExpressionClassifier(bundle, engine)
    }

    /** Opens the face detector on the CPU, where it takes a few milliseconds everywhere. */
    fun detector(): BlazeFace = BlazeFace(LiteRtEngine(assets, DETECTOR, Accelerator.CPU))

    /**
     * Opens a recognizer for a stream of images.
     *
     * @param report is told in one line if the choice fails and the int8 model on the CPU goes on.
     */
    fun recognizer(choice: Choice = choices.first(), report: (String) -> Unit): VideoRecognizer {
        val detector = detector()
        try {
            val classifier = SwitchingClassifier({ classifier(choice) }, { classifier(fallback) }, report)
            return VideoRecognizer(detector, classifier)
        } catch (error: Exception) {
            detector.close()
            throw error
        }
    }

    private fun isSmall(bundle: ModelBundle) =
        bundle.model.endsWith(".tflite") && bundle.precision == "int8"

    private companion object {
        // As in fer_sdk.bundles.registry; where it is not among the assets, the alphabet decides.
        const val DEFAULT = "small-"
        const val DETECTOR = "face_detection_short_range.tflite"
    }
}
