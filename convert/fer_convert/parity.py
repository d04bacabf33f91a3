"""Parity: how far a converted file's predictions differ from the float model's, and the limits."""

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_convert.settings import Io, Target
from fer_sdk.bundles.inspect import Contents
from fer_sdk.errors import FerError


class ParityError(FerError):
    """A converted file differs from its float model by more than allowed; it is not written."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Difference of two sets of predictions for the same faces.

    Attributes:
        faces: Number of faces compared.
        largest_difference: Largest absolute difference of a probability, 0 to 1.
        mean_difference: Mean absolute difference of a probability, 0 to 1.
        agreement: Share of faces with the same label, 0 to 1.
    """

    faces: int
    largest_difference: float
    mean_difference: float
    agreement: float


@dataclass(frozen=True, slots=True)
class Parity(Difference):
    """Comparison of a converted file with its float model on the same faces.

    Attributes:
        float_accuracy: Accuracy of the float model, 0 to 1; None without ground truth.
        accuracy: Accuracy of the converted file, 0 to 1; None without ground truth.
        tensors: Number of tensors by type, such as {"int8": 40}.
        float_operators: Number of operators that compute in floating point.
        input: Type, scale and zero point of the input, such as "uint8 scale 1 zero point 0".
    """

    float_accuracy: float | None
    accuracy: float | None
    tensors: dict[str, int]
    float_operators: int
    input: str

    @property
    def drop(self) -> float | None:
        """Loss of accuracy in percentage points; None without ground truth."""
        if self.float_accuracy is None or self.accuracy is None:
            return None
        return accuracy_drop(self.float_accuracy, self.accuracy)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Requirements on a converted file of one precision.

    Attributes:
        largest_difference: Largest allowed difference of a probability from the float model.
        tensors: Tensor types that the file must contain.
        integer: Whether every operator must compute in integers.
    """

    largest_difference: float
    tensors: tuple[str, ...] = ()
    integer: bool = False


INPUTS: Final[dict[Io, str]] = {
    "float": "float32",
    "uint8": "uint8 scale 1 zero point 0",
    "int8": "int8 scale 1 zero point -128",
}
"""Required input of an int8 .tflite file by `Io`: scale 1, so that pixels need no scaling."""

# Full int8 is checked by label agreement and accuracy, because single probabilities change by up to
# a quarter.
TOLERANCES: Final[dict[Target, Tolerance]] = {
    ("float32", ".tflite"): Tolerance(1e-4),
    ("float16", ".tflite"): Tolerance(2e-2, ("float16",)),
    ("dynamic", ".tflite"): Tolerance(0.2, ("int8",)),
    ("int8", ".tflite"): Tolerance(1.0, ("int8",), integer=True),
    ("int16x8", ".tflite"): Tolerance(0.2, ("int8", "int16"), integer=True),
    ("float32", ".onnx"): Tolerance(1e-4),
    ("float16", ".onnx"): Tolerance(2e-2, ("float16",)),
    ("int8", ".onnx"): Tolerance(1.0, ("int8",), integer=True),
}


def accuracy_drop(before: float, after: float) -> float:
    """Return the loss between two accuracies, each 0 to 1, in percentage points.

    Rounded to six decimals, because 5 of 1000 faces is slightly more than 0.5 in floating point.
    """
    return round(100 * (before - after), 6)


def difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> Difference:
    """Compare two sets of probabilities, float64 (n, classes), for the same n faces."""
    absolute = np.abs(first - second)
    return Difference(
        faces=len(first),
        largest_difference=float(absolute.max()),
        mean_difference=float(absolute.mean()),
        agreement=float((first.argmax(axis=1) == second.argmax(axis=1)).mean()),
    )


def compare(
    reference: NDArray[np.float64],
    converted: NDArray[np.float64],
    truth: NDArray[np.intp] | None,
    contents: Contents,
) -> Parity:
    """Compare a converted file's probabilities with the float model's for the same n faces.

    Args:
        reference: Probabilities of the float model, float64 (n, classes).
        converted: Probabilities of the converted file, float64 (n, classes).
        truth: Correct class index of each face, intp (n,), or None.
        contents: Tensors and operators of the converted file.
    """

    def accuracy(probabilities: NDArray[np.float64]) -> float | None:
        return None if truth is None else float((probabilities.argmax(axis=1) == truth).mean())

    return Parity(
        **asdict(difference(reference, converted)),
        float_accuracy=accuracy(reference),
        accuracy=accuracy(converted),
        tensors=contents.tensors,
        float_operators=len(contents.float_operators),
        input=contents.inputs[0].numbers,
    )


def check_parity(
    parity: Parity,
    target: Target,
    *,
    max_drop: float,
    agreement: float = 0.95,
    input: str = "",
    kept: int = 0,
) -> None:
    """Raise an error if a converted file exceeds the tolerance of its precision.

    Args:
        parity: Measured by `compare`.
        target: Precision and suffix of the file.
        max_drop: Largest allowed loss of accuracy, in percentage points.
        agreement: Smallest allowed share of faces with the same label, 0 to 1.
        input: Required input, as in `INPUTS`; empty if any input is allowed.
        kept: Number of operators of an integer file that were kept in floating point.

    Raises:
        ParityError: Naming the first requirement that is not met.
    """
    tolerance = TOLERANCES[target]
    missing = [name for name in tolerance.tensors if not parity.tensors.get(name)]
    drop = parity.drop
    conditions = {
        f"differences must be finite, but reach {parity.largest_difference}": np.isfinite(
            parity.largest_difference
        ),
        f"a probability may differ by {tolerance.largest_difference:g}, "
        f"but differs by {parity.largest_difference:.2g}": (
            parity.largest_difference <= tolerance.largest_difference
        ),
        f"the file must contain tensors of type {' and '.join(missing)}, "
        f"but contains {parity.tensors}": not missing,
        f"{kept} operators may compute in floating point, but {parity.float_operators} do": (
            not tolerance.integer or parity.float_operators == kept
        ),
        f"the input must be {input}, but is {parity.input}": input in ("", parity.input),
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
            raise ParityError(
                f"{target[0]} {target[1]} failed the parity check on {parity.faces} faces: "
                f"{message}"
            )
