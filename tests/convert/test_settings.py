from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_convert.settings import INT8, Settings, Target
from fer_sdk import ExpressionClassifier
from fer_sdk.bundles.inspect import inspect
from fer_sdk.evaluation.fer2013 import Fer2013

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.nets import bundled, conversion_data_of, small_net

from fer_convert import convert as conversion


@pytest.mark.parametrize(
    ("io", "input_type", "output_type"),
    [("float", "float32", "float32"), ("uint8", "uint8", "int8"), ("int8", "int8", "int8")],
)
def test_int8_has_the_selected_input_and_output_type(
    io: Any, input_type: str, output_type: str, small_fer2013: Fer2013, tmp_path: Path
) -> None:
    (found,) = conversion.convert(
        bundled(small_net(), tmp_path), [INT8], tmp_path / "out",
        conversion_data_of(small_fer2013), Settings(io=io),
    )  # fmt: skip
    contents = inspect(found.path)
    assert (contents.inputs[0].dtype, contents.outputs[0].dtype) == (input_type, output_type)
    assert contents.float_operators == ()
    assert found.parity.agreement == 1
    name = "net-int8.tflite" if io == "uint8" else f"net-int8-{io}-io.tflite"
    assert found.path.name == name


def test_predictions_do_not_depend_on_the_batch_size(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    source, conversion_data = bundled(small_net(), tmp_path), conversion_data_of(small_fer2013)
    targets: list[Target] = [("int8", ".tflite"), ("float32", ".onnx")]
    alone = conversion.convert(source, targets, tmp_path, conversion_data)
    batched = conversion.convert(source, targets, tmp_path, conversion_data, Settings(batch=4))
    assert [p.path.name for p in batched] == ["net-int8-batch4.tflite", "net-float32-batch4.onnx"]
    faces = small_fer2013.pixels[:6]  # one and a half batches
    for one, four in zip(alone, batched, strict=True):
        with ExpressionClassifier.load(one.path) as a, ExpressionClassifier.load(four.path) as b:
            np.testing.assert_allclose(a.probabilities(faces), b.probabilities(faces), atol=1e-6)
