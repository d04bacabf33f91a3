from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fer_convert.parity import INPUTS, Parity, ParityError, check, check_extremes, compare
from fer_sdk import ExpressionClassifier, ModelBundle
from fer_sdk.bundles.bundle import Precision
from fer_sdk.bundles.inspect import Contents, Port

FLOAT32: tuple[Precision, str] = ("float32", ".tflite")
INT8: tuple[Precision, str] = ("int8", ".tflite")


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
        ({"tensors": {"float32": 30}}, "int8", "must hold tensors of int8, but holds"),
        ({"float_operators": 2}, "int8", "0 operators may compute in floating point, but 2 do"),
        ({"tensors": {"int8": 30}}, "int16x8", "must hold tensors of int16"),
        ({"tensors": {"float32": 30}}, "dynamic", "must hold tensors of int8"),
        (
            {"tensors": {"float32": 30}, "largest_difference": 0.0},
            "float16",
            "must hold tensors of float16",
        ),
        (
            {"input": "uint8 scale 0.94 zero point 0"},
            "int8",
            "must take pixels as uint8 scale 1",
        ),
        ({"agreement": 0.9}, "int8", "agree on 90.0%"),
        ({"accuracy": 0.694}, "int8", "accuracy may drop by 0.5 points, but drops by 0.60"),
        ({"largest_difference": 2e-4}, "float32", "may differ by 0.0001"),
    ],
)
def test_the_gate_closes_on_each_fault(
    changes: dict[str, object], precision: Precision, message: str
) -> None:
    check(measured(), INT8, max_drop=0.5)
    check(measured(largest_difference=1e-6), FLOAT32, max_drop=0.5)
    with pytest.raises(ParityError, match=message):
        check(
            measured(**changes), (precision, ".tflite"), max_drop=0.5,
            input=INPUTS["uint8"] if precision == "int8" else "",
        )  # fmt: skip


def test_a_loss_of_just_what_is_allowed_passes() -> None:
    # 5 faces of 1000, which floating point makes a little more than half a point.
    assert 100 * (0.666 - 0.661) > 0.5
    check(measured(float_accuracy=0.666, accuracy=0.661), INT8, max_drop=0.5)
    with pytest.raises(ParityError, match=r"drops by 0\.60"):
        check(measured(float_accuracy=0.666, accuracy=0.66), INT8, max_drop=0.5)


def contents_of(dtype: str, scale: float, tensors: dict[str, int]) -> Contents:
    port = Port("face", dtype, (1, 48, 48, 1), scale, 0)
    return Contents((port,), (), tensors, {}, (), 0, 0)


def test_permuted_labels_are_seen() -> None:
    truth = np.arange(70) % 7
    right = np.eye(7)[truth]
    contents = contents_of("uint8", 1.0, {"int8": 5})
    with pytest.raises(ParityError, match="labels must agree"):
        check(compare(right, right[:, ::-1], truth, contents), INT8, max_drop=0.5)


def test_nan_in_the_converted_file_is_seen() -> None:
    truth = np.arange(70) % 7
    right = np.eye(7)[truth]
    contents = contents_of("float32", 0.0, {"float32": 5})
    parity = compare(right, np.full_like(right, np.nan), truth, contents)
    with pytest.raises(ParityError, match="must be finite"):
        check(parity, FLOAT32, max_drop=0.5)


@pytest.mark.parametrize(("level", "name"), [(0, "black"), (255, "white")])
def test_a_model_that_breaks_on_an_extreme_face_is_refused(
    level: int, name: str, golden: Path
) -> None:
    class Fragile:
        input_hw, classes = (48, 48), 7

        def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
            broken = (faces == level).all(axis=(1, 2))
            return np.where(broken[:, None], np.nan, np.ones((1, 7))).astype(np.float32)

        def close(self) -> None:
            pass

    bundle = ModelBundle.load(golden / "tiny-int8.tflite")
    with pytest.raises(ParityError, match=f"no finite answer to a {name} face"):
        check_extremes(ExpressionClassifier(bundle, Fragile()))
