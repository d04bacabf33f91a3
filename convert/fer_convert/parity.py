"""The gate: a converted file is proven equal to its float model on real faces, or refused."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.bundle import ModelBundle, Precision
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import FerError
from fer_sdk.inspect import Contents
from fer_sdk.labels import FER2013_LABELS


class ParityError(FerError):
    """A converted file does not do what its float model does; no file is left."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How a converted file differs from its float model on the same faces.

    Attributes:
        faces: Number of faces compared.
        largest_difference: Of a probability.
        mean_difference: Of a probability.
        agreement: Share of faces with the same label, 0 to 1.
        float_accuracy: Of the float model, 0 to 1.
        accuracy: Of the converted file, 0 to 1.
        tensors: Number of tensors by type, such as {"int8": 40}.
        input: Type, scale and zero point of the input, in words.
    """

    faces: int
    largest_difference: float
    mean_difference: float
    agreement: float
    float_accuracy: float
    accuracy: float
    tensors: dict[str, int]
    input: str


@dataclass(frozen=True, slots=True)
class Promise:
    """What a precision stands for.

    Attributes:
        largest_difference: That a probability may have from the float model's.
        tensors: Types that must be there.
        input: Type and scale of a whole-integer file's input; empty where floats are allowed.
    """

    largest_difference: float
    tensors: tuple[str, ...] = ()
    input: str = ""


PIXELS: Final = "uint8 scale 1 zero point 0"
# Full int8 is held to labels and accuracy: single probabilities move by up to a quarter.
PROMISES: Final[dict[tuple[Precision, str], Promise]] = {
    ("float32", ".tflite"): Promise(1e-4),
    ("float16", ".tflite"): Promise(2e-2, ("float16",)),
    ("dynamic", ".tflite"): Promise(0.2, ("int8",)),
    ("int8", ".tflite"): Promise(1.0, ("int8",), PIXELS),
    ("int16x8", ".tflite"): Promise(0.2, ("int8", "int16")),
    ("float32", ".onnx"): Promise(1e-4),
    ("float16", ".onnx"): Promise(2e-2, ("float16",)),
    ("int8", ".onnx"): Promise(1.0, ("int8",)),
}


def compare(
    reference: NDArray[np.float64],
    converted: NDArray[np.float64],
    truth: NDArray[np.uint8],
    contents: Contents,
) -> Parity:
    """Compare two sets of probabilities, float64 (n, classes), for the same n faces."""
    difference = np.abs(reference - converted)
    labels, converted_labels = reference.argmax(axis=1), converted.argmax(axis=1)
    return Parity(
        faces=len(truth),
        largest_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        agreement=float((labels == converted_labels).mean()),
        float_accuracy=float((labels == truth).mean()),
        accuracy=float((converted_labels == truth).mean()),
        tensors=contents.tensors,
        input=contents.inputs[0].numbers,
    )


def stated_accuracy(source: ModelBundle) -> float | None:
    """Return the accuracy on FER2013 that a sidecar states, 0 to 1, or None."""
    stated = [m["accuracy"] for m in source.metrics if m["data"] == "FER2013" and "accuracy" in m]
    return float(stated[0]) if stated else None


def check_stated_accuracy(
    source: ModelBundle, probabilities: NDArray[np.float64], truth: NDArray[np.uint8]
) -> None:
    """Refuse a float model that is far from what its own sidecar states: it would be copied.

    Permuted labels, lost batch-norm statistics and swapped weights all show here.

    Args:
        source: The float model's bundle.
        probabilities: Its answers on the gate's faces, float64 (n, classes).
        truth: FER2013's class numbers (n,).

    Raises:
        ParityError: If the accuracy, by the sidecar's label names, is five points off.
    """
    named = np.array(source.labels)[probabilities.argmax(axis=1)]
    measured = float((named == np.array(FER2013_LABELS)[truth]).mean())
    stated = stated_accuracy(source)
    if stated is not None and abs(measured - stated) > 0.05:
        raise ParityError(
            f"{source.path} states an accuracy of {stated:.1%}, but reaches {measured:.1%} on "
            f"{len(truth)} faces of PublicTest: labels or weights are not those it was scored with"
        )


def check_extremes(classifier: ExpressionClassifier) -> None:
    """Refuse a file that has no finite answer to a black, a white or a noisy face.

    Raises:
        ParityError: Naming the face.
    """
    spec = classifier.bundle.input
    shape = (spec.height, spec.width)
    extremes = {
        "black": np.zeros(shape, np.uint8),
        "white": np.full(shape, 255, np.uint8),
        "noisy": np.random.default_rng(0).integers(0, 256, shape, np.uint8),
    }
    for name, face in extremes.items():
        if not np.isfinite(classifier.probabilities(face[None])).all():
            raise ParityError(
                f"{classifier.bundle.path.name} has no finite answer to a {name} face"
            )


def check(parity: Parity, target: tuple[Precision, str], *, max_drop: float) -> None:
    """Refuse a file that is not what its precision promises.

    Args:
        parity: What `compare` measured.
        target: Precision and suffix that the file was converted to.
        max_drop: Largest loss of accuracy, in points of 100.

    Raises:
        ParityError: Naming the first thing that does not hold.
    """
    drop = 100 * (parity.float_accuracy - parity.accuracy)
    promise = PROMISES[target]
    missing = [name for name in promise.tensors if not parity.tensors.get(name)]
    conditions = {
        f"differences must be finite, but reach {parity.largest_difference}": np.isfinite(
            parity.largest_difference
        ),
        f"a probability may differ by {promise.largest_difference:g}, "
        f"but differs by {parity.largest_difference:.2g}": (
            parity.largest_difference <= promise.largest_difference
        ),
        f"it must hold tensors of {' and '.join(missing)}, but holds {parity.tensors}": not missing,
        f"it must hold no float tensors, but holds {parity.tensors}": not (
            promise.input and parity.tensors.get("float32")
        ),
        f"it must take pixels as {promise.input}, but takes {parity.input}": (
            promise.input in ("", parity.input)
        ),
        f"labels must agree on 95 % of faces, but agree on {parity.agreement:.1%}": (
            parity.agreement >= 0.95
        ),
        f"accuracy may drop by {max_drop} points, but drops by {drop:.2f}": drop <= max_drop,
    }
    for message, holds in conditions.items():
        if not holds:
            raise ParityError(f"{target[0]} {target[1]} refused on {parity.faces} faces: {message}")
