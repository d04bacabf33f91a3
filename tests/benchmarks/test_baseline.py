"""`research.baseline`: counts, thresholds by halves, played faces, and the page."""

import math
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fer_sdk.inputs.images import read_photo
from fer_sdk.outputs.annotate import write_picture
from research import baseline_streams
from research.baseline import main
from research.baseline_photos import COPIES, NAMES, SETTINGS, LondonCopies, Rises, smaller, turned
from research.baseline_streams import count_changes, first_happy, lasting_happy, played


def rises(values: dict[int, list[float]]) -> Rises:
    """Return the rises of people, the smiling photo first, then copies; the others are 0."""
    rise = np.zeros((len(values), len(NAMES)))
    for row, given in values.items():
        rise[row, 1 : 1 + len(given)] = given
    return Rises("m", rise, rise > 1)


def test_smiles_and_false_rises_are_counted_by_threshold() -> None:
    nan = math.nan
    model = rises({0: [3.0, 2.5, nan], 1: [nan, 0.1, 2.1], 2: [1.0]})
    everyone = np.ones(3, bool)
    assert model.found(2.0, everyone) == (1, 3)  # a photo that cannot be compared is not found
    copies = 3 * (len(NAMES) - 2) - 1
    assert model.false(2.0, everyone) == (2, copies)
    assert model.false(2.0, everyone, next(iter(COPIES))) == (2, 3 * len(COPIES["gamma"]) - 1)
    assert model.false(2.0, np.array([False, False, True])) == (0, len(NAMES) - 2)


def test_the_lowest_threshold_with_few_false_rises_is_chosen() -> None:
    false = len(NAMES) - 2
    model = rises({person: [5.0, *[0.9 if person < 20 else 1.6] * false] for person in range(40)})
    first = np.arange(40) < 20
    assert model.chosen(first) == 1.0
    assert model.chosen(~first) == 1.75
    assert model.chosen(first | ~first) == 1.75
    # So few copies of one person cannot show that no more than 2 % of others would rise.
    assert model.chosen(np.arange(40) == 0) == 5.0


def test_each_half_has_every_second_woman_and_man() -> None:
    genders = np.array(["female", "male", "female", "female", "male"])
    empty = np.zeros((5, len(NAMES)), bool)
    copies = LondonCopies(
        tuple("abcde"), genders, genders, np.zeros((5, len(NAMES), 48, 48), np.uint8), empty,
        empty, np.zeros((5, 4)),
    )  # fmt: skip
    assert copies.first_half.tolist() == [True, True, False, True, False]


def test_changes_and_delays_of_a_sequence() -> None:
    labels = ["sad", "sad", None, "happy", "happy", "sad"]
    assert count_changes(labels) == 3
    assert first_happy(labels, 20) == 0.15
    assert first_happy(labels[:3], 20) == math.inf
    times_s = [n / 10 for n in range(12)]
    told = ["happy", "sad", *["happy"] * 6, *["sad"] * 4]
    assert lasting_happy(times_s, told) == pytest.approx(0.2)
    assert lasting_happy(times_s, told, least_s=0.6) == math.inf


def test_a_played_photo_varies_a_little() -> None:
    photo = np.full((40, 60, 3), 120, np.uint8)
    frames = np.stack(list(played(photo, 200, 10, np.random.default_rng(0)))).astype(float)
    assert frames.mean() == pytest.approx(120, rel=0.05)
    assert 2 < frames.mean(axis=(1, 2, 3)).std() < 12  # flicker
    assert (frames[0] - frames[0].mean()).std() == pytest.approx(4, abs=0.5)  # noise
    assert abs(frames[1] - frames[0]).mean() > 1


def test_copies_have_the_changes_of_their_names() -> None:
    photo = np.zeros((80, 60, 3), np.uint8)
    photo[:, 30:] = 200
    assert smaller(0.5)(photo, 48).shape == (40, 30, 3)
    assert abs(turned(0)(photo, 48).astype(int) - photo).max() == 0
    narrow = turned(30)(np.pad(photo, ((0, 0), (40, 40), (0, 0))), 48)
    assert (narrow[40, :, 0] > 100).sum() == pytest.approx(30 * math.cos(math.radians(30)), abs=3)


def test_the_command_writes_a_page_and_a_picture(
    sample_photo: Path, face_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="the picture needs the extra `bench`")
    monkeypatch.setattr(baseline_streams, "BASELINE_S", 1.0)
    photo = read_photo(sample_photo)
    for person in "12":
        for kind in ("03", "08"):
            write_picture(tmp_path / "faces" / f"{person}_{kind}.jpg", photo)
    people = "face_id,face_age,face_gender,face_eth\n1,36,female,white\n2,24,male,white\n"
    (tmp_path / "info.csv").write_text(people)
    words = [str(tmp_path), str(face_video), "--model", "nano-int8", "--still", "1",
             "--seconds", "10", "--out", str(tmp_path)]  # fmt: skip
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "baseline.md").read_text()
    # The smiling photo is the neutral one, too: nothing rises.
    assert "| `nano-int8` | all | 2 | 100.0 % (34 to 100) | 0.0 % (0 to 66) |" in page
    assert f"by default {SETTINGS.threshold:g})" in page
    assert "0 points apart when called happy, 0 points apart with the baseline" in page
    assert (tmp_path / "baseline.png").stat().st_size > 10_000


def test_a_folder_without_people_is_one_line(face_video: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(tmp_path), str(face_video)])
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "cannot read people from" in line
