"""Files that hold the pre-processing and the labels still; the Kotlin twin passes the same ones."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from fer_sdk import FER2013_LABELS, ExpressionRecognizer, ModelBundle, read_photo, shipped_models
from fer_sdk.preprocess import FER2013_INPUT, CropSpec, InputSpec, crop_face, to_input

GOLDEN = Path(__file__).parents[1] / "golden"
TEXT = json.loads((GOLDEN / "preprocess.json").read_text())
SPEC = InputSpec(
    TEXT["height"],
    TEXT["width"],
    CropSpec(**{name: (place[0], place[1]) for name, place in TEXT["crop"].items()}),
)

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
EIGHT = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")


def read(name: str) -> NDArray[np.uint8]:
    path = GOLDEN.parents[1] / TEXT["photo"] if name == "photo" else GOLDEN / f"source-{name}.png"
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None, path
    return np.asarray(picture, np.uint8)


@pytest.mark.parametrize("case", TEXT["cases"], ids=lambda case: case["expected"])
def test_preprocessing_gives_the_golden_pixels(case: dict[str, Any]) -> None:
    expected = cv2.imread(str(GOLDEN / case["expected"]), cv2.IMREAD_UNCHANGED)
    picture = read(case["source"])
    if case["kind"] == "crop":
        right_eye, left_eye, mouth = (tuple(case[p]) for p in ("right_eye", "left_eye", "mouth"))
        given = crop_face(
            picture, SPEC, right_eye=right_eye, left_eye=left_eye, mouth=mouth, color="bgr"
        )
    else:
        given = to_input(picture, SPEC, "grey" if picture.ndim == 2 else "bgr")
    np.testing.assert_array_equal(given, expected)


def test_golden_cases_scale_down_up_and_not_at_all() -> None:
    sizes = {case["source"]: read(case["source"]).shape[0] for case in TEXT["cases"]}
    assert max(sizes.values()) > 5 * 48
    assert min(sizes.values()) < 48
    assert 48 in sizes.values()


def test_crop_rule_is_the_golden_one() -> None:
    assert SPEC == FER2013_INPUT


def test_every_shipped_model_has_the_golden_crop_and_label_order() -> None:
    models = shipped_models()
    assert models
    for name, path in models.items():
        bundle = ModelBundle.load(path)
        assert bundle.input == SPEC
        assert bundle.labels == (EIGHT if name.startswith("base-ferplus") else LABELS)


def test_the_label_order_is_fer2013s() -> None:
    assert FER2013_LABELS == LABELS


@pytest.mark.parametrize("model", shipped_models())
def test_every_shipped_model_calls_the_sample_photo_happy(model: str, sample_photo: Path) -> None:
    with ExpressionRecognizer(model) as recognizer:
        (face,) = recognizer.recognize(read_photo(sample_photo), color="bgr")
    assert face.label == "happy"
    assert face.confidence > 0.8
    assert not face.expression.uncertain
