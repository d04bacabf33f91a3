from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_convert.calibration import calibration_from_training
from fer_sdk import ModelBundle
from fer_sdk.errors import BundleError
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.preprocess import FER2013_INPUT

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.nets import bundled, small_net

from fer_convert import onnx_recipes, recipes
from fer_convert.export import check_ports, for_conversion
from fer_convert.quantize import ranges_of


def test_rescaling_is_fused_into_the_first_convolution_exactly() -> None:
    model = small_net()
    ready = for_conversion(model)
    assert ready.input_shape == (1, 48, 48, 1)
    assert not any(isinstance(layer, keras.layers.Rescaling) for layer in ready.layers)
    face = np.random.default_rng(0).uniform(0, 255, (1, 48, 48, 1)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(ready(face)), np.asarray(model(face)), atol=1e-5)


def test_rescaling_with_an_offset_is_kept() -> None:
    model = small_net(1 / 127.5, -1.0)
    ready = for_conversion(model)
    assert any(isinstance(layer, keras.layers.Rescaling) for layer in ready.layers)
    face = np.random.default_rng(0).uniform(0, 255, (1, 48, 48, 1)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(ready(face)), np.asarray(model(face)), atol=1e-5)


def test_the_same_input_gives_the_same_bytes(small_fer2013: Fer2013) -> None:
    ready = for_conversion(small_net())
    calibration = calibration_from_training(small_fer2013, 70, FER2013_INPUT)
    assert recipes.int8_full(ready, calibration) == recipes.int8_full(ready, calibration)


def test_the_input_range_is_0_to_255_for_any_calibration(small_fer2013: Fer2013) -> None:
    calibration = calibration_from_training(small_fer2013, 70, FER2013_INPUT)
    assert calibration.faces is not None
    narrow = replace(calibration, faces=np.clip(calibration.faces, 10, 240))
    ready = for_conversion(small_net())
    assert ranges_of(recipes.calibrated(ready, narrow))[0] == ("input", 0, 255)
    assert onnx_recipes.ranges_of(ready, narrow)[0] == ("input", 0, 255)


@pytest.mark.parametrize(
    ("shape", "outputs"), [((48, 48, 3), 7), ((96, 96, 1), 7), ((48, 48, 1), 5)]
)
def test_a_model_whose_shapes_differ_from_its_sidecar_is_refused(
    shape: tuple[int, int, int], outputs: int, tmp_path: Path
) -> None:
    inputs = keras.Input(shape)
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(outputs)(pooled))
    source = ModelBundle.load(bundled(model, tmp_path))
    with pytest.raises(BundleError, match=r"must have input .* and output .* but has input"):
        check_ports(model, source)
