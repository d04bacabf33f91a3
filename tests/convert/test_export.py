from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fer_convert.calibration import calibration_faces
from fer_sdk.errors import InputError
from fer_sdk.fer2013 import Fer2013

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.nets import small_net  # noqa: E402

from fer_convert import recipes  # noqa: E402
from fer_convert.export import for_conversion  # noqa: E402


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
    faces = calibration_faces(small_fer2013, 70)
    assert recipes.int8_full(ready, faces) == recipes.int8_full(ready, faces)


def test_calibration_takes_each_expression_equally_from_training_alone(
    small_fer2013: Fer2013,
) -> None:
    faces = calibration_faces(small_fer2013, 70)
    assert faces.shape == (70, 48, 48)
    row_of = {face.tobytes(): row for row, face in enumerate(small_fer2013.pixels[:140])}
    labels = small_fer2013.emotion[[row_of[face.tobytes()] for face in faces]]
    assert np.bincount(labels).tolist() == [10] * 7
    np.testing.assert_array_equal(faces, calibration_faces(small_fer2013, 70))


def test_calibration_that_does_not_span_all_grey_levels_is_refused(
    small_fer2013: Fer2013,
) -> None:
    dull = replace(small_fer2013, pixels=np.clip(small_fer2013.pixels, 10, 240))
    with pytest.raises(InputError, match="must reach grey levels 0 and 255, but span 10 to 240"):
        calibration_faces(dull, 70)
    with pytest.raises(InputError, match="calibration asks for 100 faces of angry"):
        calibration_faces(small_fer2013, 700)
