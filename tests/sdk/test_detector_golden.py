"""The golden files of the face detector, which the Kotlin and JavaScript versions share."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.make_golden import DETECTOR_CASES, golden_face, searched, sources

from fer_sdk import YuNet, read_photo
from fer_sdk.bundles.detector import COLUMNS, DetectorBundle
from fer_sdk.bundles.registry import find_detector, shipped_detectors
from fer_sdk.detectors.decoding import decode, sigmoid
from fer_sdk.detectors.tiles import fitted_wh

GOLDEN = Path(__file__).parents[1] / "golden"
TEXT = json.loads((GOLDEN / "detector.json").read_text())
CASES = TEXT["cases"]
NAMES = [f"{case['source']} {case['max_side']} {case['detector']}" for case in CASES]


def rows_of(case: dict[str, Any]) -> NDArray[np.float32]:
    """Return the network's output: the listed rows, and background elsewhere."""
    rows = np.zeros((case["cells"], COLUMNS), np.float32)
    rows[:, :2] = TEXT["background"]
    rows[case["indices"]] = np.array(case["rows"], np.float32)
    return rows


@pytest.mark.parametrize(
    "case", CASES + TEXT["synthetic"], ids=[*NAMES, "synthetic float32", "synthetic int8"]
)
def test_the_golden_rows_are_decoded_to_the_last_bit(case: dict[str, Any]) -> None:
    factors = DetectorBundle.load(find_detector(str(case["detector"]))).factors
    size: tuple[int, int] = tuple(case["input_hw"])
    found = decode(rows_of(case), size, factors, min_score=TEXT["min_score"])
    assert found.tolist() == case["decoded"]


def test_sizes_pixels_and_sigmoid_are_the_golden_ones() -> None:
    for width, height, max_side, *expected in TEXT["fitted"]:
        assert list(fitted_wh(width, height, max_side)) == expected
    for case in TEXT["searched"]:
        given = searched(source(case["source"]), case["max_side"])
        np.testing.assert_array_equal(given, read_photo(GOLDEN / case["expected"]))
    assert sigmoid(np.array(TEXT["sigmoid"]["x"])).tolist() == TEXT["sigmoid"]["y"]


def source(name: str) -> NDArray[np.uint8]:
    """Return a source image; OpenCV's versions would draw some of them differently."""
    stored = GOLDEN / f"source-{name}.png"
    return read_photo(stored) if stored.exists() else sources()[name]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_the_golden_photos_give_the_golden_faces(case: dict[str, Any]) -> None:
    # int8 kernels differ between processors by single steps: up to 2 pixels on these faces.
    tolerance = 1e-3 if case["detector"] == "yunet-float32" else 2.0
    image = source(str(case["source"]))
    detector = YuNet(str(case["detector"]), max_side=int(str(case["max_side"])))
    found: list[dict[str, Any]] = [golden_face(face) for face in detector.detect(image)]
    expected: list[dict[str, Any]] = case["faces"]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for name in set(one) - {"score"}:
            np.testing.assert_allclose(one[name], other[name], atol=tolerance)


def test_golden_cases_cover_both_detectors_and_downscaling() -> None:
    assert {case["detector"] for case in CASES} == set(shipped_detectors())
    assert {(case["source"], case["max_side"]) for case in CASES} == set(DETECTOR_CASES)
    assert any(case["faces"] for case in CASES)
