from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.benchmarks.fairface import EACH, write_fairface
from tests.sdk.test_face_pack import write_pack

from fer_bench.results.statistics import rate_limit, wilson_interval
from fer_sdk.errors import InputError
from fer_sdk.evaluation import face_pack
from fer_sdk.inputs.images import read_photo
from research import groups
from research.group_shares import ModelGroups, differ, extremes, measure_groups
from research.groups_page import sentence


@pytest.fixture
def found(golden: Path, tmp_path: Path) -> ModelGroups:
    pack = write_fairface(tmp_path / "fairface.npz")
    return measure_groups(golden / "tiny-float32.tflite", face_pack.load(pack).subset("val"))


def test_wilsons_interval_is_that_of_the_literature() -> None:
    # Newcombe 1998, table I: 81 of 263 and 0 of 20.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)
    low, high = wilson_interval(20, 20)
    assert (low, high) == pytest.approx((1 - 0.1611, 1), abs=1e-4)


def test_the_limit_of_a_rate_is_that_of_the_literature() -> None:
    # One-sided 95 % limits of a Poisson mean, for example Gehrels 1986, table 1.
    for events, mean in ((0, 2.996), (1, 4.744), (2, 6.296), (5, 10.51), (50, 63.287)):
        assert rate_limit(events, 1) == pytest.approx(mean, rel=3e-4)
    assert rate_limit(0, 19) == pytest.approx(2.9957 / 19, rel=1e-4)


def test_frontal_faces_are_counted_by_group_and_measured_smile(found: ModelGroups) -> None:
    assert [(g.kind, g.name, g.n) for g in found.everyone] == [
        ("all", "all", 121),
        ("race", "Black", 61),
        ("race", "Latino or Hispanic", 60),
        ("gender", "female", 61),
        ("gender", "male", 60),
        ("age", "3-9", 60),
        ("age", "20-29", 61),
    ]
    everyone, smiling, unsmiling = (
        groups[0] for groups in (found.everyone, found.smiling, found.unsmiling)
    )
    assert everyone.called == {"sad": 20, "angry": 1, "neutral": 60, "happy": 40}
    assert smiling.called == {"sad": 20, "angry": 0, "neutral": 0, "happy": 40}
    assert unsmiling.called == {"sad": 0, "angry": 0, "neutral": 60, "happy": 0}


def test_the_extremes_of_a_kind_are_compared_by_their_intervals(found: ModelGroups) -> None:
    low, high = extremes(found.smiling, "race", "happy", EACH)
    assert low.name == "Latino or Hispanic"
    assert low.share("happy") == pytest.approx(1 / 3)
    assert (high.name, high.share("happy")) == ("Black", 1)
    assert differ(low, high, "happy")
    assert differ(high, low, "happy")
    assert not differ(*extremes(found.unsmiling, "race", "neutral", EACH), "neutral")
    with pytest.raises(InputError, match="groups by race can be compared from 31 frontal faces"):
        extremes(found.smiling, "race", "happy", EACH + 1)
    assert sentence(found).startswith(
        "60 smiling faces called happy: 33.3 % Latino or Hispanic to 100.0 % Black; "
        "60 faces without a smile called neutral: 100.0 % "
    )


def test_the_page_states_computed_differences(
    golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs the extra `bench`")
    pack = write_fairface(tmp_path / "fairface.npz")
    monkeypatch.setattr(groups, "shipped_int8", lambda: [golden / "tiny-int8.tflite"])
    done = CliRunner().invoke(groups.main, [str(pack), "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "groups.md").read_text()
    for part in (
        "121 faces of FairFace",
        "60 *smile* (0.5 or more) and 60 have *no smile* (below 0.05)",
        "1 of 12 pairs",
        "it calls smiling faces happy in 33.3 % (Latino or Hispanic, n = 30) to 100.0 % (Black, "
        "n = 30) of the cases. By gender all intervals overlap.",
        "| `tiny-int8` | race | **33.3 % Latino or Hispanic to 100.0 % Black** | 100.0 % ",
        "| Latino or Hispanic | 30 | 66.7 (48.8 to 80.8) | 0.0 (0.0 to 11.4) | 0.0 (0.0 to 11.4) ",
    ):
        assert part in text, part
    assert read_photo(tmp_path / "groups.png", convert=True).std() > 5


def test_a_pack_without_groups_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs the extra `bench`")
    image = np.zeros((80, 80, 3), np.uint8)
    pack = write_pack(tmp_path / "pack.npz", [image], split=np.array(["val"]))
    done = CliRunner().invoke(groups.main, [str(pack), "--out", str(tmp_path)])
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "the pack has no column 'nose_off'" in line
    assert not (tmp_path / "groups.md").exists()
