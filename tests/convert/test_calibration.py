import numpy as np
import pytest

from fer_convert.calibration import calibration_from_training
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.preprocess import FER2013_INPUT


def test_calibration_samples_each_expression_equally_from_training(
    small_fer2013: Fer2013,
) -> None:
    faces = calibration_from_training(small_fer2013, 70, FER2013_INPUT).faces
    assert faces is not None
    assert faces.shape == (70, 48, 48)
    row_of = {face.tobytes(): row for row, face in enumerate(small_fer2013.pixels[:140])}
    labels = small_fer2013.emotion[[row_of[face.tobytes()] for face in faces]]
    assert np.bincount(labels).tolist() == [10] * 7
    again = calibration_from_training(small_fer2013, 70, FER2013_INPUT).faces
    assert again is not None
    np.testing.assert_array_equal(faces, again)


def test_too_few_faces_of_an_expression_are_refused(small_fer2013: Fer2013) -> None:
    with pytest.raises(InputError, match="but Training has 19: use --calibration-samples 133"):
        calibration_from_training(small_fer2013, 700, FER2013_INPUT)
    assert calibration_from_training(small_fer2013, 133, FER2013_INPUT).faces is not None
