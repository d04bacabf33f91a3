package org.fersdk.android

import android.content.res.AssetManager
import com.google.ai.edge.litert.Accelerator
import org.fersdk.core.BundleException
import org.fersdk.core.DetectorBundle
import org.fersdk.core.Engine
import org.fersdk.core.EngineException
import org.fersdk.core.EngineProvider
import org.fersdk.core.ExpressionClassifier
import org.fersdk.core.FaceDetector
import org.fersdk.core.ModelBundle
import org.fersdk.core.SwitchingClassifier
import org.fersdk.core.VideoRecognizer
import org.fersdk.core.YuNet

/** Runtime and device that a model can run on. */
enum class Runtime(val title: String) {
    LITERT_GPU("LiteRT GPU"),
    LITERT_CPU("LiteRT CPU"),
    ONNX_CPU("ONNX Runtime CPU"),
}

/** A model and the runtime to run it with. */
data class Choice(val bundle: ModelBundle, val runtime: Runtime) {
    val title: String get() = "${runtime.title} · ${bundle.model.substringBeforeLast('.')}"
}

/**
 * The models in an app's assets: the face detector, and all other .tflite and .onnx files with a sidecar.
 * For .onnx files the app also needs the module `fer-onnx`; without it they are in no list of choices.
 */
class FerModels(private val assets: AssetManager) {
    val bundles: List<ModelBundle>

    /** All models with all runtimes that support them, the default first. */
    val choices: List<Choice>

    init {
        val names = assets.list("").orEmpty().toSet()
        bundles = names.filter { it.endsWith(".tflite") || it.endsWith(".onnx") }
            .filter { it != DETECTOR && it + ModelBundle.SIDECAR_SUFFIX in names }
            .sortedWith(compareBy({ !it.matches(DEFAULT) }, { it }))
            .map { name ->
                val sidecar = assets.readAsset(name + ModelBundle.SIDECAR_SUFFIX)
                ModelBundle.parse(name, sidecar.decodeToString())
            }
        if (bundles.none(::isFallback)) {
            throw BundleException(
                "the assets contain no int8 .tflite model with its sidecar: add the module fer-models, or see android_demo/README.md"
            )
        }
        choices = bundles.flatMap(::choicesOf).sortedBy { it.runtime }
    }

    /** Runtimes of a model. Only float models run on GPUs. */
    private fun choicesOf(bundle: ModelBundle): List<Choice> = when {
        bundle.model.endsWith(".onnx") -> listOf(Runtime.ONNX_CPU).filter { EngineProvider.forModel(bundle.model) != null }
        bundle.precision.startsWith("float") -> listOf(Runtime.LITERT_GPU, Runtime.LITERT_CPU)
        else -> listOf(Runtime.LITERT_CPU)
    }.map { Choice(bundle, it) }

    /** The int8 model on the CPU, which runs on every device. */
    val fallback: Choice get() = Choice(bundles.first(::isFallback), Runtime.LITERT_CPU)

    /**
     * Opens a model after checking its hash.
     *
     * @param prior name of one of the model's class priors; null takes its default.
     */
    fun classifier(choice: Choice, threads: Int = 1, prior: String? = null): ExpressionClassifier {
        val bundle = choice.bundle
        val bytes = assets.readAsset(bundle.model)
        bundle.checkModel(bytes)
        val engine: Engine = when (choice.runtime) {
            Runtime.LITERT_GPU -> LiteRtEngine(assets, bundle.model, Accelerator.GPU)
            Runtime.LITERT_CPU -> LiteRtEngine(assets, bundle.model, Accelerator.CPU, threads)
            Runtime.ONNX_CPU -> (EngineProvider.forModel(bundle.model)
                ?: throw EngineException("${bundle.model} needs the module fer-onnx, which the app does not contain"))
                .open(bundle.model, bytes, threads)
        }
        return ExpressionClassifier(bundle, engine, bundle.prior(prior ?: bundle.defaultPrior))
    }

    /** Opens the face detector on the CPU, after checking its hash. */
    fun detector(): FaceDetector {
        val sidecar = assets.readAsset(DETECTOR + ModelBundle.SIDECAR_SUFFIX)
        val bundle = DetectorBundle.parse(DETECTOR, sidecar.decodeToString())
        bundle.checkModel(assets.readAsset(DETECTOR))
        return YuNet(bundle, LiteRtEngine(assets, DETECTOR, Accelerator.CPU))
    }

    /**
     * Opens a recognizer for a video.
     *
     * @param report receives the reason in one line if [choice] fails and [fallback] replaces it.
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

    private fun isFallback(bundle: ModelBundle) =
        bundle.model.endsWith(".tflite") && bundle.precision == "int8"

    private companion object {
        // The default model of fer_sdk.bundles.registry; without it, the first name in the alphabet.
        val DEFAULT = Regex("small-(int|float).*")
        const val DETECTOR = "yunet-float32-320x320.tflite"
    }
}
