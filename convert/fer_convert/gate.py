"""The parity gate: converted files must predict the same as their float model."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fer_convert.inspect import try_runtimes
from fer_convert.parity import INPUTS, Parity, ParityError, check_parity, compare
from fer_convert.parity_faces import ParityFaces
from fer_convert.settings import INT8, Settings, Target
from fer_sdk._internal.files import sha256_of
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.inspect import inspect
from fer_sdk.bundles.registry import shipped_models
from fer_sdk.classifier import ExpressionClassifier

if TYPE_CHECKING:
    import keras

    from fer_convert.quantize import Layer


@dataclass(frozen=True, slots=True)
class ConvertedFile:
    """A bundle that passed the parity gate.

    Attributes:
        path: The model file.
        target: Precision and suffix of the file.
        parity: Comparison with the float model.
        differences: Largest difference of a probability on each face, float64 (n,).
        runtimes: Load result of each SDK runtime for this file type: "loads" or the error.
        kept: Layers kept in float32.
        shipped: Name of the shipped bundle with the same bytes; empty if there is none.
        convert_s: Duration of the conversion in seconds.
        check_s: Duration of the parity check in seconds.
    """

    path: Path
    target: Target
    parity: Parity
    differences: NDArray[np.float64]
    runtimes: dict[str, str]
    kept: "tuple[Layer, ...]"
    shipped: str
    convert_s: float
    check_s: float


@dataclass(frozen=True, slots=True)
class ParityGate:
    """Parity check of converted files against one float model.

    Attributes:
        source: Bundle of the float model.
        faces: Faces on which files are compared.
        settings: Options of the conversion.
        reference: Probabilities of the float model on `faces`, float64 (n, classes).
        truth: Correct class index of each face, intp (n,), or None.
    """

    source: ModelBundle
    faces: ParityFaces
    settings: Settings
    reference: NDArray[np.float64]
    truth: NDArray[np.intp] | None

    @classmethod
    def of_float_model(
        cls, model: "keras.Model", source: ModelBundle, faces: ParityFaces, settings: Settings
    ) -> "ParityGate":
        """Run the float model on the parity faces.

        Raises:
            ParityError: If the float model's accuracy deviates from the one in its sidecar, or
                its labels are not those of the faces.
        """
        pixels = np.asarray(faces.faces[..., None], np.float32)
        reference = softmax(model.predict(pixels, verbose=0), source.temperature)
        truth = faces.class_indices(source)
        if truth is not None:
            accuracy = float((reference.argmax(axis=1) == truth).mean())
            check_stated_accuracy(source, faces, accuracy)
        return cls(source, faces, settings, reference, truth)

    def check(
        self, bundle: ModelBundle, target: Target, kept: "tuple[Layer, ...]"
    ) -> ConvertedFile:
        """Compare a converted file with the float model and write the result into its sidecar.

        Args:
            bundle: The converted file.
            target: Precision and suffix of the file.
            kept: Layers kept in float32.

        Raises:
            ParityError: If the file deviates by more than allowed.
        """
        with captured_native_log():
            classifier = ExpressionClassifier.load(bundle.path, prior="training")
        with classifier:
            converted = classifier.probabilities(self.faces.faces)
            check_extremes(classifier)
        parity = compare(self.reference, converted, self.truth, inspect(bundle.path))
        check_parity(
            parity,
            target,
            max_drop=self.settings.max_drop,
            agreement=self.faces.agreement,
            input=INPUTS[self.settings.io] if target == INT8 else "",
            kept=len(kept),
        )
        shipped = _same_as_shipped(bundle.path)
        metrics = [_metrics(parity, self.faces)]
        if self.truth is None and shipped:
            metrics = [*ModelBundle.load(shipped_models()[shipped]).metrics, *metrics]
        replace(bundle, metrics=tuple(metrics)).write_sidecar()
        return ConvertedFile(
            path=bundle.path,
            target=target,
            parity=parity,
            differences=np.abs(self.reference - converted).max(axis=1),
            runtimes=try_runtimes(bundle.path),
            kept=kept,
            shipped=shipped,
            convert_s=0.0,
            check_s=0.0,
        )


def stated_accuracy(source: ModelBundle) -> float | None:
    """Return the accuracy in a sidecar that parity faces can reproduce, 0 to 1, or None."""
    stated = [
        metric["accuracy"]
        for metric in source.metrics
        if metric["data"] in ("FER2013", "FER+ majority") and "accuracy" in metric
    ]
    return float(stated[0]) if stated else None


def check_stated_accuracy(source: ModelBundle, faces: ParityFaces, accuracy: float) -> None:
    """Raise an error if a float model does not reach the accuracy in its sidecar.

    This detects permuted labels, lost batch-norm statistics and swapped weights, which parity with
    the float model cannot detect.

    Args:
        source: Bundle of the float model.
        faces: Faces on which it was run.
        accuracy: Its accuracy on these faces, 0 to 1.

    Raises:
        ParityError: If the accuracies differ by more than five percentage points.
    """
    stated = stated_accuracy(source)
    if stated is not None and abs(accuracy - stated) > 0.05:
        raise ParityError(
            f"{source.path} states an accuracy of {stated:.1%}, but reaches {accuracy:.1%} on "
            f"{faces.description}: its labels or weights have changed since it was evaluated"
        )


def check_extremes(classifier: ExpressionClassifier) -> None:
    """Raise an error if a file predicts NaN or infinity for a black, white or noise image.

    Raises:
        ParityError: Naming the image.
    """
    spec = classifier.bundle.input
    shape = (spec.height, spec.width)
    extremes = {
        "black": np.zeros(shape, np.uint8),
        "white": np.full(shape, 255, np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, shape, np.uint8),
    }
    for name, image in extremes.items():
        if not np.isfinite(classifier.probabilities(image[None])).all():
            raise ParityError(
                f"{classifier.bundle.path.name} predicts NaN or infinity for a {name} image"
            )


def _metrics(parity: Parity, faces: ParityFaces) -> dict[str, str | int | float]:
    """Return the comparison as a sidecar entry."""
    found: dict[str, str | int | float] = {
        "data": faces.label_source or faces.description,
        "split": "PublicTest, clean, parity gate",
        "n": parity.faces,
    }
    if parity.accuracy is None or parity.float_accuracy is None:
        found["split"] = "without labels"
    else:
        found["accuracy"] = round(parity.accuracy, 4)
        found["float_accuracy"] = round(parity.float_accuracy, 4)
    return found | {"label_agreement": round(parity.agreement, 4)}


def _same_as_shipped(path: Path) -> str:
    """Return the name of the shipped model with the same bytes, or an empty string."""
    digest = sha256_of(path)
    same = [name for name, other in shipped_models().items() if sha256_of(other) == digest]
    return same[0] if same else ""
