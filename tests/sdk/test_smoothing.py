import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer_sdk.errors import InputError
from fer_sdk.video.smoother import Smoother, SmoothingSettings

CASES = json.loads((Path(__file__).parents[1] / "golden" / "smoothing.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_smoothing_gives_the_golden_results(case: dict[str, Any]) -> None:
    smoother = Smoother(SmoothingSettings(**case["settings"]))
    for step in case["steps"]:
        smoother.update(step["probabilities"], step["time_s"])
        assert smoother.probabilities == pytest.approx(step["smoothed"], abs=1e-12)
        assert smoother.label == step["label"]


def test_63_percent_of_a_sudden_change_are_visible_after_the_time_constant() -> None:
    smoother = Smoother(SmoothingSettings(time_constant_s=0.5))
    smoother.update([1, 0], 0)
    smoother.update([0, 1], 0.5)
    assert smoother.probabilities[1] == pytest.approx(1 - 1 / math.e)


@given(st.lists(st.floats(0.001, 0.5), min_size=1, max_size=60), st.floats(0.05, 3))
def test_the_result_does_not_depend_on_the_frame_rate(pauses: list[float], constant: float) -> None:
    smoother = Smoother(SmoothingSettings(time_constant_s=constant))
    smoother.update([1, 0], 0)
    time_s = 0.0
    for pause in pauses:
        time_s += pause
        smoother.update([0, 1], time_s)
    assert smoother.probabilities[0] == pytest.approx(math.exp(-time_s / constant), abs=1e-9)


@given(
    st.lists(
        st.tuples(st.floats(0, 1), st.lists(st.floats(0.01, 1), min_size=3, max_size=3)),
        min_size=1,
    )
)
def test_smoothed_probabilities_stay_probabilities(
    stream: list[tuple[float, list[float]]],
) -> None:
    smoother = Smoother(SmoothingSettings())
    time_s = 0.0
    for pause, weights in stream:
        time_s += pause
        smoother.update([weight / sum(weights) for weight in weights], time_s)
        assert sum(smoother.probabilities) == pytest.approx(1)
        assert all(0 <= p <= 1 for p in smoother.probabilities)
        lead = max(smoother.probabilities) - smoother.probabilities[smoother.label]
        assert lead <= 0.05


def test_decreasing_times_and_other_labels_are_refused() -> None:
    smoother = Smoother(SmoothingSettings())
    smoother.update([1, 0], 2)
    with pytest.raises(InputError, match=r"times must not decrease, but 1 s follows 2 s"):
        smoother.update([1, 0], 1)
    with pytest.raises(InputError, match="expected 2 probabilities, but got 3"):
        smoother.update([1, 0, 0], 3)


@pytest.mark.parametrize("wrong", [{"time_constant_s": -1}, {"time_constant_s": math.nan},
                                   {"margin": 1}, {"margin": -0.1}])  # fmt: skip
def test_invalid_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        SmoothingSettings(**wrong)
