package org.fersdk.android

import android.content.Context
import com.google.ai.edge.litert.Accelerator
import org.fersdk.core.BundleException
import org.fersdk.core.DetectorBundle
import org.fersdk.core.Engine
import org.fersdk.core.EngineException
import org.fersdk.core.EngineProvider
import org.fersdk.core.ExpressionClassifier
import org.fersdk.core.FaceDetector
import org.fersdk.core.ModelBundle
import org.fersdk.core.SampleFace
import org.fersdk.core.SwitchingClassifier
import org.fersdk.core.VideoRecognizer
import org.fersdk.core.YuNet

/** Runtime and device that a model can run on. */
enum class Runtime(val title: String) {
    LITERT_CPU("LiteRT CPU"),
    ONNX_CPU("ONNX Runtime CPU"),
    LITERT_GPU("LiteRT GPU"),
}

/** A model and the runtime to run it with. */
data class Choice(val bundle: ModelBundle, val runtime: Runtime) {
    val title: String get() = "${runtime.title} · ${bundle.model.substringBeforeLast('.')}"
}

/**
 * The models in an app's assets: the face detector, and all other .tflite and .onnx files with a sidecar.
 * For .onnx files the app also needs the module `fer-onnx`; without it they are in no list of choices.
 *
 * @throws BundleException if a sidecar is invalid, or the assets contain no int8 .tflite model.
 */
class FerModels(context: Context) {
    private val context: Context = context.applicationContext
    private val assets = context.assets
    val bundles: List<ModelBundle>

    /** All models with all runtimes that support them, [default] first. */
    val choices: List<Choice>

    /** The int8 model on the CPU, which runs on every device. */
    val default: Choice

    init {
        val names = assets.list("").orEmpty().toSet()
        bundles = names.filter { it.endsWith(".tflite") || it.endsWith(".onnx") }
            .filter { it != DETECTOR && it + ModelBundle.SIDECAR_SUFFIX in names }
            .sortedWith(compareBy({ !it.matches(DEFAULT) }, { it }))
            .map { name ->
                val sidecar = assets.readAsset(name + ModelBundle.SIDECAR_SUFFIX)
                ModelBundle.parse(name, sidecar.decodeToString())
            }
        val int8 = bundles.firstOrNull(::isInt8) ?: throw BundleException(
            "the assets contain no int8 .tflite model with its sidecar: add the module fer-models, or " +
                "see android_demo/README.md"
        )
        default = Choice(int8, Runtime.LITERT_CPU)
        choices = bundles.flatMap(::choicesOf).sortedWith(compareBy({ it != default }, { it.runtime }))
    }

    /** Runtimes of a model. Only float models run on GPUs. */
    private fun choicesOf(bundle: ModelBundle): List<Choice> = when {
        bundle.model.endsWith(".onnx") -> listOf(Runtime.ONNX_CPU).filter { EngineProvider.forModel(bundle.model) != null }
        bundle.precision.startsWith("float") -> listOf(Runtime.LITERT_CPU, Runtime.LITERT_GPU)
        else -> listOf(Runtime.LITERT_CPU)
    }.map { Choice(bundle, it) }

    /**
     * Returns what replaces a choice that fails: an int8 model with the same labels and crop on the CPU,
     * if possible of the same network; else the same file on the CPU; null if there is neither.
     */
    fun fallbackOf(choice: Choice): Choice? {
        val wanted = choice.bundle
        val network = networkOf(wanted)
        return bundles.filter { isInt8(it) && it.labels == wanted.labels && it.input == wanted.input }
            .sortedBy { networkOf(it) != network }
            .plus(listOf(wanted).filter { choice.runtime == Runtime.LITERT_GPU })
            .map { Choice(it, Runtime.LITERT_CPU) }
            .firstOrNull { it != choice }
    }

    /**
     * Opens a model after checking its hash; on a GPU, also its predictions, against those on the CPU.
     *
     * @param prior name of one of the model's class priors; null takes its default.
     * @throws org.fersdk.core.FerException if the model cannot be opened, or the GPU's predictions for
     *   [SampleFace] differ.
     */
    fun classifier(choice: Choice, threads: Int = 1, prior: String? = null): ExpressionClassifier {
        val bundle = choice.bundle
        val bytes = assets.readAsset(bundle.model)
        bundle.checkModel(bytes)
        val engine: Engine = when (choice.runtime) {
            Runtime.LITERT_GPU -> LiteRtEngine(context, bundle.model, Accelerator.GPU)
            Runtime.LITERT_CPU -> LiteRtEngine(context, bundle.model, Accelerator.CPU, threads)
            Runtime.ONNX_CPU -> (EngineProvider.forModel(bundle.model)
                ?: throw EngineException("${bundle.model} needs the module fer-onnx, which the app does not contain"))
                .open(bundle.model, bytes, threads)
        }
        val classifier = ExpressionClassifier(bundle, engine, bundle.prior(prior ?: bundle.defaultPrior))
        if (choice.runtime == Runtime.LITERT_GPU) {
            try {
                classifier(choice.copy(runtime = Runtime.LITERT_CPU), threads, prior)
                    .use { SampleFace.check(classifier, it) }
            } catch (error: EngineException) {
                classifier.close()
                throw error
            }
        }
        return classifier
    }

    /** Opens the face detector on the CPU, after checking its hash. */
    fun detector(): FaceDetector {
        val sidecar = assets.readAsset(DETECTOR + ModelBundle.SIDECAR_SUFFIX)
        val bundle = DetectorBundle.parse(DETECTOR, sidecar.decodeToString())
        bundle.checkModel(assets.readAsset(DETECTOR))
        return YuNet(bundle, LiteRtEngine(context, DETECTOR, Accelerator.CPU))
    }

    /**
     * Opens a recognizer for a video.
     *
     * @param report receives the reason in one line if [choice] fails and [fallbackOf] it replaces it.
     */
    fun recognizer(choice: Choice = default, report: (String) -> Unit): VideoRecognizer {
        val detector = detector()
        try {
            return VideoRecognizer(detector, switching(choice, ::classifier, report))
        } catch (error: Exception) {
            detector.close()
            throw error
        }
    }

    /** Returns a classifier of [choice] that is replaced by [fallbackOf] it; [open] opens either. */
    fun switching(
        choice: Choice, open: (Choice) -> ExpressionClassifier, report: (String) -> Unit
    ) = SwitchingClassifier(
        { open(choice) },
        {
            val fallback = fallbackOf(choice)
                ?: throw EngineException("no other model has the labels of ${choice.bundle.model}")
            open(fallback)
        },
        report,
    )

    private fun classifier(choice: Choice) = classifier(choice, threads = 1)

    private fun isInt8(bundle: ModelBundle) =
        bundle.model.endsWith(".tflite") && bundle.precision == "int8"

    private fun networkOf(bundle: ModelBundle) = bundle.model.replace(PRECISION, "")

    private companion object {
        // The default model of fer_sdk.bundles.registry; without it, the first name in the alphabet.
        val DEFAULT = Regex("small-(int|float).*")
        val PRECISION = Regex("-(float|int|dynamic)\\d*(-.*)?\\.\\w+$|-int16x8.*$")
        const val DETECTOR = "yunet-float32-320x320.tflite"
    }
}
