from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic import band_face

from fer_sdk import ExpressionClassifier, ExpressionRecognizer, Face, Landmarks, YuNet, read_photo
from fer_sdk.errors import InputError
from fer_sdk.preprocess import FER2013_CROP


class FixedDetector:
    """Returns faces at given corners, with the landmarks that make the crop the image's pixels."""

    def __init__(self, *corners: tuple[float, float]) -> None:
        self.corners = corners
        self.seen: NDArray[np.uint8] | None = None

    def detect(self, image_bgr: NDArray[np.uint8]) -> tuple[Face, ...]:
        self.seen = image_bgr
        return tuple(self.face(x, y) for x, y in self.corners)

    def face(self, x: float, y: float) -> Face:
        def shifted(place: tuple[float, float]) -> tuple[float, float]:
            return place[0] + x, place[1] + y

        mouth = shifted(FER2013_CROP.mouth)
        landmarks = Landmarks(
            right_eye=shifted(FER2013_CROP.right_eye),
            left_eye=shifted(FER2013_CROP.left_eye),
            nose=mouth,
            mouth_right=(mouth[0] - 5, mouth[1]),
            mouth_left=(mouth[0] + 5, mouth[1]),
        )
        return Face((x, y, x + 48, y + 48), landmarks, 0.9)

    def close(self) -> None:
        pass


def test_many_faces_keep_their_boxes_and_labels_in_one_call(tiny_int8: Path) -> None:
    image = np.zeros((120, 200), np.uint8)
    image[10:58, 20:68] = band_face(3)
    image[60:108, 100:148] = band_face(5)
    detector = FixedDetector((20, 10), (100, 60))
    with ExpressionRecognizer(tiny_int8, detector=detector) as recognizer:
        happy, surprise = recognizer.recognize(image, color="grey")
    assert (happy.label, surprise.label) == ("happy", "surprise")
    assert happy.box_xyxy == (20, 10, 68, 58)
    assert happy.confidence > 0.99


def test_the_detector_receives_bgr_for_every_channel_order(tiny_int8: Path) -> None:
    bgr = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    detector = FixedDetector()
    with ExpressionRecognizer(tiny_int8, detector=detector) as recognizer:
        assert recognizer.recognize(bgr[..., ::-1], color="rgb").faces == ()
    assert detector.seen is not None
    np.testing.assert_array_equal(detector.seen, bgr)


def test_an_array_needs_its_channel_order(tiny_int8: Path) -> None:
    with ExpressionRecognizer(tiny_int8, detector=FixedDetector()) as recognizer:
        with pytest.raises(InputError, match="add color='bgr'"):
            recognizer.recognize(np.zeros((64, 64, 3), np.uint8))
        with pytest.raises(InputError, match="color must be"):
            recognizer.recognize(np.zeros((64, 64, 3), np.uint8), color="auto")  # type: ignore[arg-type]


def test_an_open_classifier_is_used(tiny_int8: Path) -> None:
    classifier = ExpressionClassifier.load(tiny_int8)
    recognizer = ExpressionRecognizer(classifier, detector=FixedDetector())
    assert recognizer.classifier is classifier
    recognizer.close()
    recognizer.close()


def test_yunet_finds_the_sample_face_at_every_size(sample_photo: Path) -> None:
    photo = read_photo(sample_photo)
    detector = YuNet()
    for zoom in (1.0, 2.0, 4.0):
        image = np.asarray(cv2.resize(photo, None, fx=zoom, fy=zoom), np.uint8)
        (face,) = detector.detect(image)
        expected = np.array([178, 63, 268, 176]) * zoom
        np.testing.assert_allclose(face.box_xyxy, expected, atol=8 * zoom)
        eyes = np.array([face.landmarks.right_eye, face.landmarks.left_eye])
        np.testing.assert_allclose(eyes, np.array([[200, 102], [247, 103]]) * zoom, atol=4 * zoom)
        assert face.score > 0.8


def test_yunet_finds_two_faces_best_first_and_none_in_noise(sample_photo: Path) -> None:
    photo = read_photo(sample_photo)
    faces = YuNet().detect(np.hstack([photo, photo[:, ::-1]]))
    assert len(faces) == 2
    assert faces[0].score >= faces[1].score
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    assert YuNet().detect(noise) == ()


def test_a_rotated_face_keeps_its_label(sample_photo: Path) -> None:
    photo = read_photo(sample_photo)
    with ExpressionRecognizer() as recognizer:
        (upright,) = recognizer.recognize(photo, color="bgr")
        for degrees in (-20, 20):
            matrix = cv2.getRotationMatrix2D((223, 120), degrees, 1)
            turned = np.asarray(cv2.warpAffine(photo, matrix, (512, 512)), np.uint8)
            (face,) = recognizer.recognize(turned, color="bgr")
            assert face.label == upright.label
