from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_convert.calibration import training_faces
from fer_sdk import ModelBundle
from fer_sdk.errors import BundleError, InputError
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.preprocess import FER2013_INPUT

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.nets import bundled, small_net

from fer_convert import onnx_recipes, recipes
from fer_convert.export import check_ports, for_conversion
from fer_convert.quantize import ranges_of


def test_the_scaling_moves_into_the_first_convolution_exactly() -> None:
    model = small_net()
    ready = for_conversion(model)
    assert ready.input_shape == (1, 48, 48, 1)
    assert not any(isinstance(layer, keras.layers.Rescaling) for layer in ready.layers)
    face = np.random.default_rng(0).uniform(0, 255, (1, 48, 48, 1)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(ready(face)), np.asarray(model(face)), atol=1e-5)


def test_a_scaling_with_offset_stays_where_it_is() -> None:
    model = small_net(1 / 127.5, -1.0)
    ready = for_conversion(model)
    assert any(isinstance(layer, keras.layers.Rescaling) for layer in ready.layers)
    face = np.random.default_rng(0).uniform(0, 255, (1, 48, 48, 1)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(ready(face)), np.asarray(model(face)), atol=1e-5)


def test_the_same_input_gives_the_same_bytes(small_fer2013: Fer2013) -> None:
    ready = for_conversion(small_net())
    faces = training_faces(small_fer2013, 70, FER2013_INPUT)
    assert recipes.int8_full(ready, faces) == recipes.int8_full(ready, faces)


def test_calibration_takes_each_expression_equally_from_training_alone(
    small_fer2013: Fer2013,
) -> None:
    faces = training_faces(small_fer2013, 70, FER2013_INPUT).faces
    assert faces is not None
    assert faces.shape == (70, 48, 48)
    row_of = {face.tobytes(): row for row, face in enumerate(small_fer2013.pixels[:140])}
    labels = small_fer2013.emotion[[row_of[face.tobytes()] for face in faces]]
    assert np.bincount(labels).tolist() == [10] * 7
    again = training_faces(small_fer2013, 70, FER2013_INPUT).faces
    assert again is not None
    np.testing.assert_array_equal(faces, again)


def test_too_few_faces_of_an_expression_are_refused(small_fer2013: Fer2013) -> None:
    with pytest.raises(InputError, match="but Training has 19: --calibration-samples 133 takes"):
        training_faces(small_fer2013, 700, FER2013_INPUT)
    assert training_faces(small_fer2013, 133, FER2013_INPUT).faces is not None


def test_pixels_go_in_as_they_are_whatever_the_calibration_spans(small_fer2013: Fer2013) -> None:
    faces = training_faces(small_fer2013, 70, FER2013_INPUT)
    assert faces.faces is not None
    dull = replace(faces, faces=np.clip(faces.faces, 10, 240))
    ready = for_conversion(small_net())
    assert ranges_of(recipes.calibrated(ready, dull))[0] == ("input", 0, 255)
    assert onnx_recipes.ranges_of(ready, dull)[0] == ("input", 0, 255)


@pytest.mark.parametrize(
    ("shape", "outputs"), [((48, 48, 3), 7), ((96, 96, 1), 7), ((48, 48, 1), 5)]
)
def test_a_model_that_its_sidecar_does_not_describe_is_refused(
    shape: tuple[int, int, int], outputs: int, tmp_path: Path
) -> None:
    inputs = keras.Input(shape)
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(outputs)(pooled))
    source = ModelBundle.load(bundled(model, tmp_path))
    with pytest.raises(BundleError, match=r"must take .* and give .* but takes"):
        check_ports(model, source)
