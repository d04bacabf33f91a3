import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_sdk.errors import InputError
from fer_sdk.video.tracker import FaceTracker, TrackingSettings, iou

CASES = json.loads((Path(__file__).parents[1] / "golden" / "tracks.json").read_text())["cases"]

coordinate = st.floats(-50, 500)
boxes = st.tuples(coordinate, coordinate, st.floats(0, 200), st.floats(0, 200)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_boxes_get_the_golden_ids(case: dict[str, Any]) -> None:
    tracker = FaceTracker(TrackingSettings(**case["settings"]))
    for step in case["steps"]:
        found = [tuple(box) for box in step["boxes"]]
        ids = tracker.update(found, step["time_s"], may_begin=step["may_begin"])
        assert list(ids) == step["ids"]


@given(st.lists(st.tuples(st.lists(boxes, max_size=5), st.booleans()), max_size=12))
def test_an_id_occurs_once_per_frame_and_is_never_reused(
    frames: list[tuple[list[Any], bool]],
) -> None:
    tracker = FaceTracker(TrackingSettings(max_gap_s=0.2))
    alive: set[int] = set()
    begun = 0
    for number, (found, may_begin) in enumerate(frames):
        tracker.end_old(number / 10)
        alive &= {track.id for track in tracker.tracks}
        given_ids = [i for i in tracker.update(found, number / 10, may_begin=may_begin) if i]
        assert len(set(given_ids)) == len(given_ids)
        new = set(given_ids) - alive
        assert new == set(range(begun + 1, begun + 1 + len(new)))
        assert may_begin or not new
        begun += len(new)
        alive |= new


@given(boxes, boxes)
def test_iou_is_symmetric_and_within_0_and_1(one: Any, other: Any) -> None:
    assert iou(one, other) == iou(other, one)
    assert 0 <= iou(one, other) <= 1 + 1e-9


def test_iou_of_two_boxes_that_share_half_is_a_third() -> None:
    assert iou((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)


@pytest.mark.parametrize("wrong", [{"detect_every": 0}, {"max_gap_s": math.inf}, {"min_iou": 0},
                                   {"max_shift": -1}])  # fmt: skip
def test_invalid_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        TrackingSettings(**wrong)
