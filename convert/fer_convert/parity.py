"""The gate: a converted file is proven equal to its float model on faces, or refused."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_convert.parity_faces import GateFaces
from fer_sdk.bundles.bundle import ModelBundle, Precision
from fer_sdk.bundles.inspect import Contents
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import FerError
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
        float_accuracy: Of the float model, 0 to 1; None where the faces have no labels.
        accuracy: Of the converted file, 0 to 1; None where the faces have no labels.
        tensors: Number of tensors by type, such as {"int8": 40}.
        float_operators: Number of operators that compute in floating point.
        input: Type, scale and zero point of the input, in words.
    """

    faces: int
    largest_difference: float
    mean_difference: float
    agreement: float
    float_accuracy: float | None
    accuracy: float | None
    tensors: dict[str, int]
    float_operators: int
    input: str

    @property
    def drop(self) -> float | None:
        """Loss of accuracy in points of 100; None where the faces have no labels."""
        if self.float_accuracy is None or self.accuracy is None:
            return None
        return points_lost(self.float_accuracy, self.accuracy)


def points_lost(before: float, after: float) -> float:
    """Return a loss of accuracy, 0 to 1, in points of 100.

    Rounded, so that 5 faces of 1000 are half a point and not a little more.
    """
    return round(100 * (before - after), 6)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a precision stands for.

    Attributes:
        largest_difference: That a probability may have from the float model's.
        tensors: Types that must be there.
        integer: Whether no operator may compute in floating point.
    """

    largest_difference: float
    tensors: tuple[str, ...] = ()
    integer: bool = False


INPUTS: Final = {
    "float": "float32",
    "uint8": "uint8 scale 1 zero point 0",
    "int8": "int8 scale 1 zero point -128",
}
"""What the input of an int8 .tflite file must be, by its `Io`: pixels as they are."""

# Full int8 is held to labels and accuracy: single probabilities move by up to a quarter.
PROMISES: Final[dict[tuple[Precision, str], Promise]] = {
    ("float32", ".tflite"): Promise(1e-4),
    ("float16", ".tflite"): Promise(2e-2, ("float16",)),
    ("dynamic", ".tflite"): Promise(0.2, ("int8",)),
    ("int8", ".tflite"): Promise(1.0, ("int8",), integer=True),
    ("int16x8", ".tflite"): Promise(0.2, ("int8", "int16"), integer=True),
    ("float32", ".onnx"): Promise(1e-4),
    ("float16", ".onnx"): Promise(2e-2, ("float16",)),
    ("int8", ".onnx"): Promise(1.0, ("int8",), integer=True),
}


def compare(
    reference: NDArray[np.float64],
    converted: NDArray[np.float64],
    truth: NDArray[np.intp] | None,
    contents: Contents,
) -> Parity:
    """Compare two sets of probabilities, float64 (n, classes), for the same n faces.

    Args:
        reference: The float model's.
        converted: The converted file's.
        truth: The right output of each face (n,), or None.
        contents: What is inside the converted file.
    """
    difference = np.abs(reference - converted)
    labels, converted_labels = reference.argmax(axis=1), converted.argmax(axis=1)

    def right(found: NDArray[np.intp]) -> float | None:
        return None if truth is None else float((found == truth).mean())

    return Parity(
        faces=len(reference),
        largest_difference=float(difference.max()),
        mean_difference=float(difference.mean()),
        agreement=float((labels == converted_labels).mean()),
        float_accuracy=right(labels),
        accuracy=right(converted_labels),
        tensors=contents.tensors,
        float_operators=len(contents.float_operators),
        input=contents.inputs[0].numbers,
    )


def outputs_of(truth: NDArray[np.str_] | None, source: ModelBundle) -> NDArray[np.intp] | None:
    """Return the model's output for each expression's name, intp (n,); None for None.

    Raises:
        ParityError: If the model does not name every expression of FER2013.
    """
    if truth is None:
        return None
    missing = [label for label in FER2013_LABELS if label not in source.labels]
    if missing:
        raise ParityError(
            f"{source.path} must name FER2013's seven expressions, but lacks {', '.join(missing)}"
        )
    names, which = np.unique(truth, return_inverse=True)
    return np.array([source.labels.index(name) for name in names], np.intp)[which]


def stated_accuracy(source: ModelBundle) -> float | None:
    """Return the accuracy that a sidecar states by the labels a gate may have, 0 to 1, or None."""
    stated = [
        metric["accuracy"]
        for metric in source.metrics
        if metric["data"] in ("FER2013", "FER+ majority") and "accuracy" in metric
    ]
    return float(stated[0]) if stated else None


def check_stated_accuracy(source: ModelBundle, gate: GateFaces, accuracy: float) -> None:
    """Refuse a float model that is far from what its own sidecar states: it would be copied.

    Permuted labels, lost batch-norm statistics and swapped weights all show here.

    Args:
        source: The float model's bundle.
        gate: The faces that it was run on.
        accuracy: What it reaches there, 0 to 1.

    Raises:
        ParityError: If the accuracy is five points off.
    """
    stated = stated_accuracy(source)
    if stated is not None and abs(accuracy - stated) > 0.05:
        raise ParityError(
            f"{source.path} states an accuracy of {stated:.1%}, but reaches {accuracy:.1%} on "
            f"{gate.words}: labels or weights are not those it was scored with"
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


def check(
    parity: Parity,
    target: tuple[Precision, str],
    *,
    max_drop: float,
    agreement: float = 0.95,
    input: str = "",
    kept: int = 0,
) -> None:
    """Refuse a file that is not what its precision promises.

    Args:
        parity: What `compare` measured.
        target: Precision and suffix that the file was converted to.
        max_drop: Largest loss of accuracy, in points of 100.
        agreement: Least share of faces with the same label, 0 to 1.
        input: What the input must be, in words; empty where any will do.
        kept: Number of operators of an integer file that were left in floating point.

    Raises:
        ParityError: Naming the first thing that does not hold.
    """
    promise = PROMISES[target]
    missing = [name for name in promise.tensors if not parity.tensors.get(name)]
    drop = parity.drop
    conditions = {
        f"differences must be finite, but reach {parity.largest_difference}": np.isfinite(
            parity.largest_difference
        ),
        f"a probability may differ by {promise.largest_difference:g}, "
        f"but differs by {parity.largest_difference:.2g}": (
            parity.largest_difference <= promise.largest_difference
        ),
        f"it must hold tensors of {' and '.join(missing)}, but holds {parity.tensors}": not missing,
        f"{kept} operators may compute in floating point, but {parity.float_operators} do": (
            not promise.integer or parity.float_operators == kept
        ),
        f"it must take pixels as {input}, but takes {parity.input}": input in ("", parity.input),
        f"labels must agree on {agreement:.0%} of faces, but agree on {parity.agreement:.1%}": (
            parity.agreement >= agreement
        ),
    }
    if drop is not None:
        conditions[f"accuracy may drop by {max_drop} points, but drops by {drop:.2f}"] = (
            drop <= max_drop
        )
    for message, holds in conditions.items():
        if not holds:
            raise ParityError(f"{target[0]} {target[1]} refused on {parity.faces} faces: {message}")
