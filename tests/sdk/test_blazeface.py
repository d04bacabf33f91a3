import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fer_sdk import BlazeFace, ExpressionRecognizer, Face, InputError, YuNet, read_photo
from fer_sdk.detectors.blazeface import (
    ANCHORS,
    Letterbox,
    anchors,
    decode,
    letterbox,
    sigmoid,
    to_tensor,
)
from fer_sdk.errors import RuntimeFailure
from fer_sdk.preprocess import FER2013_INPUT, crop_face

GOLDEN = Path(__file__).parents[1] / "golden"
TEXT = json.loads((GOLDEN / "blazeface.json").read_text())
PREDICTIONS = {case["name"]: case for case in TEXT["predictions"]}


def source(name: str) -> NDArray[np.uint8]:
    photo = GOLDEN.parents[1] / "examples" / "eileen_collins.png"
    image = cv2.imread(str(photo if name == "photo" else GOLDEN / f"source-{name}.png"))
    return np.asarray(image, np.uint8)


def network_output(case: dict[str, Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    places = np.zeros((ANCHORS, 16), np.float32)
    logits = np.full(ANCHORS, TEXT["background"], np.float32)
    if case["anchors"]:
        places[case["anchors"]], logits[case["anchors"]] = case["places"], case["logits"]
    return places, logits


@pytest.mark.parametrize("case", TEXT["letterboxes"], ids=lambda case: case["source"])
def test_letterbox_gives_the_golden_pixels(case: dict[str, str]) -> None:
    expected = cv2.imread(str(GOLDEN / case["expected"]))
    given = letterbox(source(case["source"])).pixels
    np.testing.assert_array_equal(given[..., ::-1], expected)


@pytest.mark.parametrize("name", PREDICTIONS)
def test_decoding_gives_the_golden_faces_and_crops(name: str) -> None:
    case = PREDICTIONS[name]
    image = source(case["source"])
    faces = decode(*network_output(case), letterbox(image), min_score=TEXT["min_score"])
    assert len(faces) == len(case["faces"])
    for face, expected in zip(faces, case["faces"], strict=True):
        points = face.landmarks
        given = {
            "box_xyxy": face.box_xyxy, "score": face.score, "right_eye": points.right_eye,
            "left_eye": points.left_eye, "nose": points.nose, "mouth": points.mouth,
        }  # fmt: skip
        assert json.loads(json.dumps(given)) == expected
    for face, name in zip(faces, case["crops"], strict=False):
        points = face.landmarks
        crop = crop_face(
            image, FER2013_INPUT,
            right_eye=points.right_eye, left_eye=points.left_eye, mouth=points.mouth, color="bgr",
        )  # fmt: skip
        np.testing.assert_array_equal(crop, cv2.imread(str(GOLDEN / name), cv2.IMREAD_UNCHANGED))


def test_the_sigmoid_equals_the_golden_values_and_numpy() -> None:
    x = np.array(TEXT["sigmoid"]["x"])
    assert sigmoid(x).tolist() == TEXT["sigmoid"]["y"]
    many = np.linspace(-100, 100, 4001)
    np.testing.assert_allclose(sigmoid(many), 1 / (1 + np.exp(-many)), rtol=1e-13)


def test_anchors_are_the_cell_centres_of_two_grids() -> None:
    centres = anchors()
    assert centres.shape == (ANCHORS, 2)
    assert centres[:4].tolist() == [[4, 4], [4, 4], [12, 4], [12, 4]]
    assert centres[512:520].tolist() == [[8, 8]] * 6 + [[24, 8]] * 2
    assert centres[-1].tolist() == [120, 120]


def test_overlapping_boxes_become_one_face_weighted_by_score() -> None:
    places = np.zeros((ANCHORS, 16), np.float32)
    logits = np.full(ANCHORS, -9, np.float32)
    places[[272, 273, 0], 2:4] = 40
    places[273, 0:2] = 3
    logits[[272, 273, 0]] = 0, np.log(3), 5  # scores 1/2, 3/4 and a face far away
    box = Letterbox(np.zeros((128, 128, 3), np.uint8), 2.0, 256, 256)
    far, near = decode(places, logits, box)
    assert far.box_xyxy == (-32, -32, 48, 48)
    assert near.score == pytest.approx(0.75)
    left = 2 * (anchors()[272, 0] - 20 + 3 * 0.75 / 1.25)
    assert near.box_xyxy == pytest.approx((left, *near.box_xyxy[1:3], near.box_xyxy[3]))


@pytest.mark.parametrize("turned", [False, True])
def test_landmarks_are_close_to_those_of_yunet(sample_photo: Path, turned: bool) -> None:
    image = read_photo(sample_photo)[:300, 60:360]
    if turned:
        image = np.ascontiguousarray(image[:, ::-1])
    detector = BlazeFace()
    face, expected = detector.detect(image)[0], YuNet().detect(image)[0]
    given, wanted = _points(face), _points(expected)
    eyes = np.linalg.norm(wanted[0] - wanted[1])
    np.testing.assert_allclose(given, wanted, atol=0.15 * eyes)
    detector.close()
    detector.close()
    with pytest.raises(RuntimeFailure, match="closed"):
        detector.detect(image)


def test_a_recognizer_accepts_it_as_detector(sample_photo: Path) -> None:
    with ExpressionRecognizer(detector=BlazeFace()) as recognizer:
        (face,) = recognizer.recognize(read_photo(sample_photo), color="bgr")
    assert face.label == "happy"
    assert face.confidence > 0.8


def test_wide_and_tall_images_are_centred() -> None:
    white = np.full((60, 120, 3), 255, np.uint8)
    for image, axis in ((white, 0), (np.ascontiguousarray(white.transpose(1, 0, 2)), 1)):
        pixels = letterbox(image).pixels
        lines = pixels.all(axis=(2, 1 - axis))
        assert np.flatnonzero(lines).tolist() == list(range(32, 96))


def test_non_finite_output_and_invalid_images_are_refused() -> None:
    places, logits = network_output(PREDICTIONS["photo"])
    places[5, 7] = np.nan
    with pytest.raises(RuntimeFailure, match="not finite"):
        decode(places, logits, letterbox(source("photo")))
    with pytest.raises(InputError):
        BlazeFace().detect(np.zeros((9, 9), np.uint8))


def test_pixels_are_scaled_to_minus_one_to_one() -> None:
    tensor = to_tensor(np.array([[[0, 51, 255]]], np.uint8))
    assert tensor.dtype == np.float32
    assert tensor.tolist() == [[[[-1.0, float(np.float32(-0.6)), 1.0]]]]


def _points(face: Face) -> NDArray[np.float64]:
    points = face.landmarks
    return np.array([points.right_eye, points.left_eye, points.nose, points.mouth])
