"""Python reproduces the golden files, which the Kotlin and JavaScript tests read as well."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.make_golden import defaults, quality_cases

from fer_sdk import FER2013_LABELS, ExpressionRecognizer, ModelBundle, read_photo, shipped_models
from fer_sdk.preprocess import FER2013_INPUT, CropSpec, InputSpec, crop_face, to_input

GOLDEN = Path(__file__).parents[1] / "golden"
DEFAULTS = json.loads((GOLDEN / "defaults.json").read_text())
PREPROCESS = json.loads((GOLDEN / "preprocess.json").read_text())
SPEC = InputSpec(
    DEFAULTS["input"]["height"],
    DEFAULTS["input"]["width"],
    CropSpec(**{name: (x, y) for name, (x, y) in DEFAULTS["input"]["crop"].items()}),
)

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def read(name: str) -> NDArray[np.uint8]:
    photo = GOLDEN.parents[1] / PREPROCESS["photo"]
    path = photo if name == "photo" else GOLDEN / f"source-{name}.png"
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None, path
    return np.asarray(image, np.uint8)


def test_the_default_settings_are_the_golden_ones() -> None:
    assert defaults() == DEFAULTS


@pytest.mark.parametrize("case", PREPROCESS["cases"], ids=lambda case: case["expected"])
def test_preprocessing_reproduces_the_golden_pixels(case: dict[str, Any]) -> None:
    expected = cv2.imread(str(GOLDEN / case["expected"]), cv2.IMREAD_UNCHANGED)
    image = read(case["source"])
    if case["kind"] == "crop":
        right_eye, left_eye, mouth = (tuple(case[p]) for p in ("right_eye", "left_eye", "mouth"))
        given = crop_face(
            image, SPEC, right_eye=right_eye, left_eye=left_eye, mouth=mouth, color="bgr"
        )
    else:
        given = to_input(image, SPEC, "grey" if image.ndim == 2 else "bgr")
    np.testing.assert_array_equal(given, expected)


def test_golden_cases_cover_downscaling_upscaling_and_the_input_size() -> None:
    sizes = {case["source"]: read(case["source"]).shape[0] for case in PREPROCESS["cases"]}
    assert max(sizes.values()) > 5 * 48
    assert min(sizes.values()) < 48
    assert 48 in sizes.values()


def test_fer2013_input_is_the_golden_one() -> None:
    assert SPEC == FER2013_INPUT


def test_every_shipped_model_has_the_golden_crop_and_label_order() -> None:
    models = shipped_models()
    assert models
    for path in models.values():
        bundle = ModelBundle.load(path)
        assert bundle.input == SPEC
        assert bundle.labels == LABELS


def test_fer2013_labels_keep_the_order_of_the_data_set() -> None:
    assert FER2013_LABELS == LABELS


@pytest.mark.parametrize("model", shipped_models())
def test_every_shipped_model_classifies_the_sample_photo_as_happy(
    model: str, sample_photo: Path
) -> None:
    with ExpressionRecognizer(model) as recognizer:
        (face,) = recognizer.recognize(read_photo(sample_photo), color="bgr")
    assert face.label == "happy"
    assert face.confidence > 0.8
    assert not face.uncertain


def test_the_quality_is_the_golden_one() -> None:
    cases = json.loads((GOLDEN / "quality.json").read_text())["cases"]
    assert len(cases) == 24
    assert any(case["quality"]["reasons"] for case in cases)
    assert json.loads(json.dumps(quality_cases())) == cases
