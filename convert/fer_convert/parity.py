"""The gate: a converted file is proven equal to its float model on real faces, or refused."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_convert.inspect import Contents
from fer_sdk.bundle import Precision
from fer_sdk.errors import FerError


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
        quantised_tensors: Number of int8 tensors.
        float_tensors: Number of float tensors.
        input: Type, scale and zero point of the input.
    """

    faces: int
    largest_difference: float
    mean_difference: float
    agreement: float
    float_accuracy: float
    accuracy: float
    quantised_tensors: int
    float_tensors: int
    input: str


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
        quantised_tensors=contents.tensors.get("int8", 0),
        float_tensors=contents.tensors.get("float32", 0),
        input=f"{contents.input_dtype} scale {contents.input_scale:g} "
        f"zero point {contents.input_zero_point}",
    )


def check(parity: Parity, precision: Precision, *, max_drop: float) -> None:
    """Refuse a file that is not what its precision promises.

    Args:
        parity: What `compare` measured.
        precision: What the file was converted to.
        max_drop: Largest loss of accuracy, in points of 100.

    Raises:
        ParityError: Naming the first thing that does not hold.
    """
    drop = 100 * (parity.float_accuracy - parity.accuracy)
    int8 = precision == "int8"
    # Start values of STYLE: float32 equal but for rounding, int8 by labels and accuracy.
    conditions = {
        f"differences must be finite, but reach {parity.largest_difference}": np.isfinite(
            parity.largest_difference
        ),
        f"probabilities may differ by 1e-4, but differ by {parity.largest_difference:.2g}": int8
        or parity.largest_difference <= 1e-4,
        f"an int8 file must hold int8 tensors and no float ones, but holds "
        f"{parity.quantised_tensors} and {parity.float_tensors}": not int8
        or (parity.quantised_tensors > 0 and parity.float_tensors == 0),
        f"an int8 file must take pixels as they are, uint8 scale 1 zero point 0, "
        f"but takes {parity.input}": not int8 or parity.input == "uint8 scale 1 zero point 0",
        f"labels must agree on 95 % of faces, but agree on {parity.agreement:.1%}": (
            parity.agreement >= 0.95
        ),
        f"accuracy may drop by {max_drop} points, but drops by {drop:.2f}": drop <= max_drop,
    }
    for message, holds in conditions.items():
        if not holds:
            raise ParityError(f"{precision} conversion refused on {parity.faces} faces: {message}")
