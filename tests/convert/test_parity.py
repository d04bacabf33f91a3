from dataclasses import replace

import numpy as np
import pytest

from fer_convert.parity import INPUTS, Parity, ParityError, check_parity, compare
from fer_convert.settings import INT8, Target
from fer_sdk.bundles.bundle import Precision
from fer_sdk.bundles.inspect import Contents, Port

FLOAT32: Target = ("float32", ".tflite")


def measured(**changes: object) -> Parity:
    good = Parity(
        faces=100, largest_difference=0.05, mean_difference=0.01, agreement=0.99,
        float_accuracy=0.7, accuracy=0.699, tensors={"int8": 30},
        float_operators=0, input="uint8 scale 1 zero point 0",
    )  # fmt: skip
    return replace(good, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "precision", "message"),
    [
        ({"largest_difference": float("nan")}, "int8", "must be finite"),
        ({"tensors": {"float32": 30}}, "int8", "must contain tensors of type int8, but contains"),
        ({"float_operators": 2}, "int8", "0 operators may compute in floating point, but 2 do"),
        ({"tensors": {"int8": 30}}, "int16x8", "must contain tensors of type int16"),
        ({"tensors": {"float32": 30}}, "dynamic", "must contain tensors of type int8"),
        (
            {"tensors": {"float32": 30}, "largest_difference": 0.0},
            "float16",
            "must contain tensors of type float16",
        ),
        (
            {"input": "uint8 scale 0.94 zero point 0"},
            "int8",
            "the input must be uint8 scale 1",
        ),
        ({"agreement": 0.9}, "int8", "agree on 90.0%"),
        ({"accuracy": 0.694}, "int8", "accuracy may drop by 0.5 points, but drops by 0.60"),
        ({"largest_difference": 2e-4}, "float32", "may differ by 0.0001"),
    ],
)
def test_each_exceeded_tolerance_is_reported(
    changes: dict[str, object], precision: Precision, message: str
) -> None:
    check_parity(measured(), INT8, max_drop=0.5)
    check_parity(measured(largest_difference=1e-6), FLOAT32, max_drop=0.5)
    with pytest.raises(ParityError, match=message):
        check_parity(
            measured(**changes), (precision, ".tflite"), max_drop=0.5,
            input=INPUTS["uint8"] if precision == "int8" else "",
        )  # fmt: skip


def test_a_drop_equal_to_the_limit_passes() -> None:
    # 5 of 1000 faces are slightly more than 0.5 points in floating point.
    assert 100 * (0.666 - 0.661) > 0.5
    check_parity(measured(float_accuracy=0.666, accuracy=0.661), INT8, max_drop=0.5)
    with pytest.raises(ParityError, match=r"drops by 0\.60"):
        check_parity(measured(float_accuracy=0.666, accuracy=0.66), INT8, max_drop=0.5)


def contents_of(dtype: str, scale: float, tensors: dict[str, int]) -> Contents:
    port = Port("face", dtype, (1, 48, 48, 1), scale, 0)
    return Contents((port,), (), tensors, {}, (), 0, 0)


def test_permuted_labels_are_refused() -> None:
    truth = np.arange(70) % 7
    right = np.eye(7)[truth]
    contents = contents_of("uint8", 1.0, {"int8": 5})
    with pytest.raises(ParityError, match="labels must agree"):
        check_parity(compare(right, right[:, ::-1], truth, contents), INT8, max_drop=0.5)


def test_nan_predictions_are_refused() -> None:
    truth = np.arange(70) % 7
    right = np.eye(7)[truth]
    contents = contents_of("float32", 0.0, {"float32": 5})
    parity = compare(right, np.full_like(right, np.nan), truth, contents)
    with pytest.raises(ParityError, match="must be finite"):
        check_parity(parity, FLOAT32, max_drop=0.5)
