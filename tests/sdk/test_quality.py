import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_sdk import ExpressionRecognizer, Landmarks, read_photo
from fer_sdk.preprocess import FER2013_CROP
from fer_sdk.quality import face_quality

NOISE = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)


def points(yaw: float = 0, pitch: float = 0, roll: float = 0, size: float = 48) -> Landmarks:
    """Project the head model of `fer_sdk.quality` orthographically; angles in degrees."""
    y, p, r = np.radians([yaw, pitch, roll])
    head = np.array(
        [[-0.5, 0, 0], [0.5, 0, 0], [0, 0.57, 0.66], [-0.3, 1.04, 0.11], [0.3, 1.04, 0.11]]
    )
    aside = head[:, 0] * np.cos(y) + head[:, 2] * np.sin(y)
    depth = head[:, 2] * np.cos(y) - head[:, 0] * np.sin(y)
    down = head[:, 1] * np.cos(p) - depth * np.sin(p)
    turned = (aside + 1j * down) * np.exp(1j * r) * size / 2.6 + 200 + 200j
    return Landmarks(*[(float(z.real), float(z.imag)) for z in turned])


@given(yaw=st.floats(-50, 50), roll=st.floats(-80, 80))
def test_yaw_and_roll_of_the_head_model_are_recovered(yaw: float, roll: float) -> None:
    found = face_quality(NOISE, points(yaw=yaw, roll=roll))
    assert found.yaw_degrees == pytest.approx(yaw, abs=1)
    assert found.roll_degrees == pytest.approx(roll, abs=0.1)
    assert any("aside" in reason for reason in found.reasons) == (abs(found.yaw_degrees) > 35)


@given(pitch=st.floats(-40, 40))
def test_pitch_of_the_head_model_is_recovered(pitch: float) -> None:
    assert face_quality(NOISE, points(pitch=pitch)).pitch_degrees == pytest.approx(pitch, abs=0.5)


@pytest.mark.parametrize(
    "marks",
    [
        Landmarks((9, 9), (9, 9), (9, 20), (5, 30), (13, 30)),
        Landmarks((0, 30), (30, 30), (15, 20), (5, 0), (25, 0)),
        Landmarks((0, 0), (30, 0), (15, 6.0), (5, 1.0), (25, 1.0)),
    ],
    ids=["one eye", "upside down", "flat"],
)
def test_landmarks_that_form_no_face_give_finite_angles_and_a_reason(marks: Landmarks) -> None:
    found = face_quality(NOISE, marks)
    assert np.isfinite([found.yaw_degrees, found.pitch_degrees, found.roll_degrees]).all()
    assert any(reason.startswith("turned") for reason in found.reasons)


def test_the_size_is_the_side_of_the_cropped_square() -> None:
    crop = FER2013_CROP
    mouth = crop.mouth[0], crop.mouth[1]
    marks = Landmarks(crop.right_eye, crop.left_eye, mouth, mouth, mouth)
    assert face_quality(NOISE, marks).size_px == pytest.approx(48)
    half = Landmarks(
        *[(x / 2, y / 2) for x, y in (crop.right_eye, crop.left_eye, mouth, mouth, mouth)]
    )
    assert face_quality(NOISE, half).size_px == pytest.approx(24)
    assert face_quality(NOISE, half).reasons[0] == "small: 24 px, under 30"


def test_a_blank_or_smooth_crop_is_blurred_at_any_contrast() -> None:
    waves = np.sin(np.arange(48) / 6)
    smooth = np.asarray(127 + 120 * waves * waves[:, None], np.uint8)
    assert face_quality(NOISE, points()).good
    assert face_quality(NOISE // 4, points()).sharpness == pytest.approx(
        face_quality(NOISE, points()).sharpness, rel=0.05
    )
    for crop in (smooth, np.full((48, 48), 9, np.uint8)):
        assert face_quality(crop, points()).reasons[0].startswith("blurred: ")


def test_blurring_and_downscaling_a_photo_give_a_reason(sample_photo: object) -> None:
    photo = read_photo(str(sample_photo))
    with ExpressionRecognizer() as recognizer:
        (good,) = recognizer.recognize(photo, color="bgr")
        blurred_photo = np.asarray(cv2.GaussianBlur(photo, (0, 0), 5), np.uint8)
        (blurred,) = recognizer.recognize(blurred_photo, color="bgr")
        small = cv2.resize(photo, None, fx=0.22, fy=0.22, interpolation=cv2.INTER_AREA)
        (tiny,) = recognizer.recognize(np.asarray(small, np.uint8), color="bgr")
    assert good.quality.good
    assert any(reason.startswith("blurred") for reason in blurred.quality.reasons)
    assert any(reason.startswith("small") for reason in tiny.quality.reasons)
