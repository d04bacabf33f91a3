"""Results of images: sequences with timings, as dict and as JSON."""

import json
import pickle
import time
from pathlib import Path

import pytest

from fer_sdk import ExpressionRecognizer, ImageResult


@pytest.fixture(scope="module")
def result() -> ImageResult:
    photo = Path(__file__).parents[2] / "examples" / "eileen_collins.png"
    with ExpressionRecognizer() as recognizer:
        begin = time.perf_counter()
        found = recognizer.recognize(photo)
        passed_ms = 1e3 * (time.perf_counter() - begin)
        assert tuple(found[0].scores) == recognizer.labels
    assert sum(found.speed_ms.values()) <= passed_ms
    return found


def test_a_result_is_a_sequence_of_flat_faces(result: ImageResult) -> None:
    (face,) = result
    assert (len(result), result[0], result.faces) == (1, face, (face,))
    assert face.label == max(face.scores, key=lambda label: face.scores[label]) == "happy"
    assert face.confidence == face.scores["happy"]
    assert sum(face.scores.values()) == pytest.approx(1)
    assert face.score > 0.8
    left, top, right, bottom = face.box_xyxy
    assert left < face.landmarks.nose[0] < right
    assert top < face.landmarks.nose[1] < bottom


def test_each_stage_has_a_time_that_is_no_part_of_equality(result: ImageResult) -> None:
    assert list(result.speed_ms) == ["read", "detect", "crop", "classify", "quality"]
    assert all(stage_ms > 0 for stage_ms in result.speed_ms.values())
    assert ImageResult(result.faces) == result
    assert "speed_ms" not in result.to_dict()


def test_json_holds_the_rounded_attributes(result: ImageResult) -> None:
    values = json.loads(result.to_json())
    assert values == result.to_dict()
    (face,) = values["faces"]
    assert list(face) == [
        "box_xyxy", "landmarks", "score", "label", "confidence", "uncertain", "scores", "quality",
    ]  # fmt: skip
    assert face["box_xyxy"] == [round(side, 2) for side in result[0].box_xyxy]
    assert face["landmarks"]["nose"] == [round(place, 2) for place in result[0].landmarks.nose]
    assert face["scores"]["happy"] == round(result[0].confidence, 6)
    assert face["quality"]["reasons"] == []


def test_a_result_can_be_sent_to_another_process(result: ImageResult) -> None:
    assert pickle.loads(pickle.dumps(result)) == result
