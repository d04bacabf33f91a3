"""A person's own neutral: the robust mean, changes from it, and streams that measure it."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.synthetic import moving_face

from fer_sdk import (
    Baseline,
    BaselineSettings,
    ExpressionClassifier,
    ExpressionRecognizer,
    InputError,
    ModelBundle,
    VideoRecognizer,
)
from fer_sdk.bundles.prior import Prior
from fer_sdk.results import FaceQuality, Landmarks, RecognizedFace
from fer_sdk.video.baseline import ChangeTracker, interquartile_mean, log_odds, spread
from fer_sdk.video.personal_baselines import BaselineSpan

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "baseline.json").read_text())
LABELS = tuple(GOLDEN["labels"])
REST = LABELS.index("neutral")
NEUTRAL = (0.02, 0.01, 0.01, 0.06, 0.1, 0.02, 0.78)
HAPPY = (0.01, 0.01, 0.01, 0.7, 0.02, 0.05, 0.2)
MARKS = Landmarks((30, 40), (60, 40), (45, 55), (32, 70), (58, 70))
GOOD = FaceQuality(78.0, 0.5, 0.0, 0.0, 0.0, ())
BLURRED = FaceQuality(78.0, 0.1, 0.0, 0.0, 0.0, ("blurred: sharpness 0.10, under 0.25",))


class FixedSession:
    """Returns logits whose softmax at temperature 1 are the probabilities that are set."""

    input_hw = (48, 48)
    classes = len(LABELS)

    def __init__(self) -> None:
        self.probabilities: tuple[float, ...] = NEUTRAL

    def run(self, faces: Any) -> Any:
        return np.tile(np.log(self.probabilities), (len(faces), 1))

    def close(self) -> None:
        pass


@pytest.fixture
def classifier(golden: Path) -> ExpressionClassifier:
    bundle = ModelBundle.load(golden / "tiny-float32.tflite")
    bundle = replace(bundle, labels=LABELS, priors={}, default_prior="training", temperature=1.0)
    return ExpressionClassifier(bundle, FixedSession())


def face(probabilities: tuple[float, ...], quality: FaceQuality = GOOD) -> RecognizedFace:
    scores = dict(zip(LABELS, probabilities, strict=True))
    label = max(scores, key=scores.__getitem__)
    return RecognizedFace(
        (0.0, 0.0, 9.0, 9.0), MARKS, 0.9, label, scores[label], False, scores, quality
    )


def a_baseline(values: list[float]) -> Baseline:
    return Baseline(
        LABELS, tuple(values), (0.1,) * len(LABELS), 9, 0, 0.5, "0" * 64, Prior((0.0,) * 7, 1.0)
    )


@pytest.mark.parametrize("case", GOLDEN["baselines"], ids=lambda case: case["name"])
def test_the_robust_mean_gives_the_golden_results(
    case: dict[str, Any], classifier: ExpressionClassifier
) -> None:
    found = Baseline.from_faces(map(face, map(tuple, case["faces"])), classifier)
    assert found.log_odds == pytest.approx(case["log_odds"], abs=1e-9)
    assert found.spread == pytest.approx(case["spread"], abs=1e-9)
    assert (found.faces, found.labels) == (len(case["faces"]), LABELS)


@pytest.mark.parametrize("case", GOLDEN["changes"], ids=lambda case: case["name"])
def test_changes_give_the_golden_results(case: dict[str, Any]) -> None:
    settings = dict(case["settings"])
    settings["labels"] = tuple(settings["labels"])
    tracker = ChangeTracker(a_baseline(case["log_odds"]), BaselineSettings(**settings))
    for step in case["steps"]:
        tracker.update(step["probabilities"], step["time_s"], suitable=step["suitable"])
        expected = step["change"]
        assert tracker.change == (None if expected is None else pytest.approx(expected, abs=1e-9))
        assert tracker.changed_to == step["changed_to"]


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=40))
def test_the_mean_and_the_spread_are_of_the_values(values: list[float]) -> None:
    centre = interquartile_mean(values)
    assert min(values) - 1e-9 <= centre <= max(values) + 1e-9
    assert 0 <= spread(values, centre) <= 1.4826 * (max(values) - min(values)) + 1e-9
    shifted = [value + 2 for value in values]
    assert interquartile_mean(shifted) == pytest.approx(centre + 2)


def test_a_quarter_of_wrong_frames_does_not_move_the_baseline_to_them(
    classifier: ExpressionClassifier,
) -> None:
    mixed = Baseline.from_faces([face(NEUTRAL)] * 12 + [face(HAPPY)] * 4, classifier)
    assert mixed.log_odds == pytest.approx(log_odds(NEUTRAL, REST))


def test_the_change_does_not_depend_on_the_class_prior() -> None:
    def under(offsets: list[float], probabilities: tuple[float, ...]) -> tuple[float, ...]:
        weights = [p * math.exp(o) for p, o in zip(probabilities, offsets, strict=True)]
        return log_odds([w / sum(weights) for w in weights], REST)

    offsets = [-2.0, -3.0, -1.0, 0.5, -1.5, -2.5, 1.0]
    for prior in ([0.0] * 7, offsets):
        rise = under(prior, HAPPY)[3] - under(prior, NEUTRAL)[3]
        assert rise == pytest.approx(math.log(0.7 / 0.2 / (0.06 / 0.78)))


def test_unsuitable_faces_are_refused_and_counted(classifier: ExpressionClassifier) -> None:
    found = Baseline.from_faces([face(HAPPY, BLURRED), face(NEUTRAL)], classifier)
    assert (found.faces, found.refused) == (1, 1)
    assert found.log_odds == pytest.approx(log_odds(NEUTRAL, REST))
    with pytest.raises(InputError, match=r"none of 2 faces is suitable .* the first is blurred: "):
        Baseline.from_faces([face(NEUTRAL, BLURRED)] * 2, classifier)
    with pytest.raises(InputError, match="at least one face"):
        Baseline.from_faces([], classifier)


def test_a_baseline_says_how_sure_it_is(classifier: ExpressionClassifier) -> None:
    assert Baseline.from_faces([face(NEUTRAL)] * 5, classifier).sure
    one = Baseline.from_faces([face(NEUTRAL)], classifier)
    assert (one.sure, one.reasons) == (False, ("few: 1 face, under 5",))
    smiling = Baseline.from_faces([face(HAPPY)] * 5, classifier)
    assert smiling.reasons == ("happy rather than neutral: the face may not be at rest",)
    half = Baseline.from_faces([face(NEUTRAL), face(HAPPY)] * 4, classifier)
    assert half.reasons[0].startswith("unsteady: log-odds of happy vary by ")


def test_a_saved_baseline_is_equal_and_another_file_is_refused(
    classifier: ExpressionClassifier, tmp_path: Path
) -> None:
    baseline = Baseline.from_faces([face(NEUTRAL), face(HAPPY), face(NEUTRAL)], classifier)
    baseline.save(tmp_path / "ada.json")
    assert Baseline.load(str(tmp_path / "ada.json")) == baseline
    with pytest.raises(InputError, match="no baseline at"):
        Baseline.load(tmp_path / "bob.json")
    values = json.loads((tmp_path / "ada.json").read_text())
    for wrong in (
        "[]",
        "{",
        json.dumps({**values, "schema": 9}),
        json.dumps({**values, "log_odds": values["log_odds"][1:]}),
        json.dumps({**values, "sharpness": math.nan}),
        json.dumps({name: value for name, value in values.items() if name != "model"}),
    ):
        (tmp_path / "bob.json").write_text(wrong)
        with pytest.raises(InputError, match="is not a baseline"):
            Baseline.load(tmp_path / "bob.json")


def test_a_baseline_of_another_model_or_prior_is_refused(
    classifier: ExpressionClassifier,
) -> None:
    baseline = Baseline.from_faces([face(NEUTRAL)], classifier)
    baseline.check_fits(classifier)
    for other, kind in (
        (replace(baseline, model="0" * 64), "model"),
        (replace(baseline, prior=Prior((0.5,) * 7, 1.0)), "prior"),
    ):
        with pytest.raises(InputError, match=f"was measured with another {kind} than that of tiny"):
            VideoRecognizer(classifier, baseline=other)


@pytest.mark.parametrize(
    "wrong",
    [{"threshold": 0}, {"threshold": math.nan}, {"margin": 2.0}, {"margin": -0.1},
     {"time_constant_s": -1}, {"hold_s": math.inf}, {"labels": ()}, {"labels": ("neutral",)},
     {"min_sharpness": 1.5}],
)  # fmt: skip
def test_invalid_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        BaselineSettings(**wrong)


def test_when_a_baseline_is_measured_is_read_from_text() -> None:
    assert BaselineSpan.parse("first 3 s") == BaselineSpan(3.0)
    assert BaselineSpan.parse("1.5-4 s") == BaselineSpan(2.5, 1.5)
    for wrong in ("3", "first 3 min", "first 0 s", "first 61 s", "4-3 s", ""):
        with pytest.raises(InputError, match="baseline"):
            BaselineSpan.parse(wrong)


def play(
    recognizer: VideoRecognizer, parts: list[tuple[tuple[float, ...], int]], fps: float = 10
) -> list[Any]:
    """Return the only face of each frame; `parts` gives probabilities and numbers of frames."""
    session: Any = recognizer.classifier._session
    image = moving_face(0)
    faces, number = [], 0
    for probabilities, frames in parts:
        session.probabilities = probabilities
        for _ in range(frames):
            (found,) = recognizer.recognize(image, time_s=number / fps, color="bgr").faces
            faces.append(found)
            number += 1
    return faces


def test_the_first_seconds_of_a_face_are_its_baseline(classifier: ExpressionClassifier) -> None:
    with VideoRecognizer(classifier, baseline="first 2 s") as recognizer:
        faces = play(recognizer, [(NEUTRAL, 25), (HAPPY, 10), (NEUTRAL, 15)])
        (baseline,) = recognizer.baselines.values()
        recognizer.reset()
        assert recognizer.baselines == {}
    assert [found.change is None for found in faces[:22]] == [True] * 20 + [False] * 2
    assert baseline.faces == 21
    assert baseline.sure
    assert faces[24].change["happy"] == pytest.approx(0)
    assert {found.changed_to for found in faces[:25]} == {None}
    assert [found.changed_to for found in faces[27:36]] == ["happy"] * 9
    assert faces[34].change["happy"] == pytest.approx(3.82, abs=0.2)
    assert {found.changed_to for found in faces[-5:]} == {None}


def test_a_span_of_the_stream_is_the_baseline(classifier: ExpressionClassifier) -> None:
    with VideoRecognizer(classifier, baseline="1-2 s") as recognizer:
        faces = play(recognizer, [(HAPPY, 10), (NEUTRAL, 15), (HAPPY, 5)])
    assert [found.change is None for found in faces] == [True] * 21 + [False] * 9
    assert faces[24].changed_to is None
    assert faces[-1].changed_to == "happy"


def test_a_baseline_is_measured_again_on_request(classifier: ExpressionClassifier) -> None:
    with VideoRecognizer(classifier) as recognizer:
        (found,) = play(recognizer, [(NEUTRAL, 1)])
        assert (found.change, found.changed_to) == (None, None)
        known = Baseline.from_faces([face(NEUTRAL)] * 5, classifier)
        recognizer.set_baseline(found.id, known)
        assert play_more(recognizer, HAPPY, 1.0, 2)[-1].changed_to == "happy"
        recognizer.measure_baseline(0.5, face_id=found.id)
        assert play_more(recognizer, HAPPY, 2.0, 3)[-1].change is None
        assert play_more(recognizer, HAPPY, 3.0, 3)[-1].change["happy"] == pytest.approx(0)
        recognizer.measure_baseline(1.0)
        assert recognizer.baselines == {}
        with pytest.raises(InputError, match="at most 60 s"):
            recognizer.measure_baseline(100)


def play_more(
    recognizer: VideoRecognizer, probabilities: tuple[float, ...], begin_s: float, frames: int
) -> list[Any]:
    session: Any = recognizer.classifier._session
    session.probabilities = probabilities
    return [
        recognizer.recognize(moving_face(0), time_s=begin_s + n / 10, color="bgr").faces[0]
        for n in range(frames)
    ]


def test_a_given_baseline_is_used_at_once_and_blurred_frames_are_left_out(
    classifier: ExpressionClassifier,
) -> None:
    known = Baseline.from_faces([face(NEUTRAL)], classifier)
    tracker = ChangeTracker(known, BaselineSettings())
    assert [tracker.suits(quality) for quality in (GOOD, BLURRED)] == [True, False]
    assert not tracker.suits(replace(GOOD, sharpness=0.37))  # under .75 of the baseline's
    with VideoRecognizer(classifier, baseline=known) as recognizer:
        (found,) = play(recognizer, [(HAPPY, 1)])
    assert found.changed_to == "happy"


def test_no_baseline_without_a_label_neutral(golden: Path) -> None:
    bundle = replace(ModelBundle.load(golden / "tiny-float32.tflite"), labels=tuple("abcdefg"))
    odd = ExpressionClassifier(bundle, FixedSession(), prior="training")
    with pytest.raises(InputError, match="has no label neutral, which a baseline needs"):
        VideoRecognizer(odd, baseline="first 3 s")


def test_valence_is_happy_minus_the_four_negative_labels() -> None:
    assert face(HAPPY).valence == pytest.approx(0.7 - 0.01 - 0.01 - 0.01 - 0.02)
    assert replace(face(HAPPY), scores={"happy": 1.0}).valence is None


def test_a_baseline_of_a_photo_is_that_of_its_face(sample_photo: Path) -> None:
    with ExpressionRecognizer() as recognizer:
        result = recognizer.recognize(sample_photo)
        found = Baseline.from_faces(result, recognizer.classifier)
    scores = result[0].scores
    assert found.log_odds == pytest.approx(
        [math.log(max(p, 1e-6) / max(scores["neutral"], 1e-6)) for p in scores.values()]
    )
