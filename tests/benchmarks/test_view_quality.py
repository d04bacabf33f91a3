import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.quality import QualityLimits
from fer_sdk.recognizer import ExpressionRecognizer
from fer_train.data.importer import save
from research import view_quality
from research.view_quality import blurred, london_steps, public_test_steps, shrunk, turned

RESULTS = Path(__file__).parents[2] / "docs" / "results" / "quality.md"


def fake_face(label: str, size: float = 96.0, reasons: tuple[str, ...] = ()) -> Any:
    quality = SimpleNamespace(size_px=size, sharpness=0.5, reasons=reasons)
    return SimpleNamespace(label=label, quality=quality)


def test_a_shrunk_photo_has_a_face_of_the_requested_size(sample_photo: Path) -> None:
    photo = read_photo(sample_photo)
    with ExpressionRecognizer() as recognizer:
        (before,) = recognizer.recognize(photo, color="bgr")
        (after,) = recognizer.recognize(shrunk(photo, before, 60), color="bgr")
    assert before.quality.size_px > 70
    assert after.quality.size_px == pytest.approx(60, rel=0.05)


def test_the_blur_is_measured_in_pixels_of_the_model_input() -> None:
    photo = np.zeros((201, 201, 3), np.uint8)
    photo[:, 100:] = 255
    # A face of 96 px is twice as large as the 48 px input: a blur of 2 there is one of 4 here.
    edge = np.diff(blurred(photo, fake_face("happy"), 2.0)[100, :, 0].astype(float))
    place = np.arange(len(edge))
    centre = (edge * place).sum() / edge.sum()
    assert np.sqrt((edge * (place - centre) ** 2).sum() / edge.sum()) == pytest.approx(4, abs=0.1)
    assert blurred(photo, fake_face("happy"), 0.0) is photo


def test_a_photo_is_rotated_clockwise_about_its_centre() -> None:
    photo = np.zeros((101, 101, 3), np.uint8)
    photo[10:20, 45:56] = 255  # at the top
    row, column = np.argwhere(turned(photo, fake_face("happy"), 90)[..., 0] > 128).mean(axis=0)
    assert (row, column) == (pytest.approx(50, abs=1.5), pytest.approx(85, abs=1.5))


class ScriptedRecognizer:
    """Returns the face for the grey level of a photo; none for 0."""

    def __init__(self, faces: dict[int, Any]) -> None:
        self.faces = faces

    def recognize(self, photo: np.ndarray[Any, Any], *, color: str) -> list[Any]:
        level = int(photo[0, 0, 0])
        return [self.faces[level]] if level else []


def test_fractions_refer_to_the_detected_faces() -> None:
    faces = {
        10: fake_face("happy"),
        20: fake_face("happy"),
        30: fake_face("neutral", reasons=("small: 20 px, under 30",)),
        40: fake_face("happy", reasons=("turned aside: 50 degrees, over 35",)),
    }
    photos = [(np.full((4, 4, 3), level, np.uint8), "happy") for level in (10, 20)]
    photos += [(np.full((4, 4, 3), 30, np.uint8), "happy")]
    degraded_levels = {10: 40, 20: 30, 30: 0}  # the label stays, changes, and the face is lost

    def degrade(photo: Any, face: Any, degree: float) -> Any:
        return photo if degree == 0 else np.full_like(photo, degraded_levels[int(photo[0, 0, 0])])

    calls: list[int] = []
    recognizer: Any = ScriptedRecognizer(faces)
    original, degraded = london_steps(recognizer, photos, (0, 1), degrade, lambda: calls.append(1))
    assert (original.found, original.same) == (1, 1)
    assert original.correct == pytest.approx(2 / 3)
    assert original.flagged == pytest.approx(1 / 3)
    assert degraded.found == pytest.approx(2 / 3)
    assert (degraded.same, degraded.correct) == (0.5, 0.5)
    assert degraded.flagged == 0.5  # a turned face is neither small nor blurred
    assert len(calls) == 2
    (lost,) = london_steps(recognizer, photos[2:], (1,), degrade, lambda: None)
    assert (lost.found, lost.same) == (0, 0)


def test_public_test_is_degraded_directly(small_fer2013: Fer2013, tiny_int8: Path) -> None:
    def erase(face: Any, degree: float) -> Any:
        return face if degree == 0 else np.full_like(face, 100)

    with ExpressionClassifier.load(tiny_int8) as classifier:
        original, erased = public_test_steps(classifier, small_fer2013, (0, 1), erase, lambda: None)
    assert (original.found, original.same, original.correct) == (1, 1, 1)
    # A blank face has one label for all, so a seventh of the faces keep theirs.
    assert erased.same == erased.correct == pytest.approx(1 / 7, abs=0.05)
    assert (erased.sharpness, erased.flagged) == (0, 1)


def test_the_quality_limits_match_the_committed_table() -> None:
    flagged = column("size_px, London", "flagged")
    same = column("size_px, London", "same")
    limit = QualityLimits().min_size_px
    assert flagged[28] > 90 > 50 > flagged[32] > flagged[40] == 0
    assert 28 < limit < 32
    assert same[32] >= 95
    correct = column("blur, PublicTest", "correct")
    sharpness = column("blur, PublicTest", "sharpness")
    assert correct[0] - correct[0.75] < 6 < 10 < correct[0] - correct[1]
    assert sharpness[1.25] < QualityLimits().min_sharpness < sharpness[0.75]


def column(table: str, name: str) -> dict[float, float]:
    """Return a column of a table of docs/results/quality.md by step."""
    text = RESULTS.read_text().split(f"## {table}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()
            if line.startswith("|")]  # fmt: skip
    index = rows[0].index(name)
    return {float(row[0]): float(row[index].rstrip("%")) for row in rows[2:] if row[index]}


def test_command_writes_the_tables_and_a_plot(
    small_fer2013: Fer2013, sample_photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs the extra `bench`")
    monkeypatch.setattr(view_quality, "SIZES", (96, 64, 48))
    monkeypatch.setattr(view_quality, "BLURS", (0.0, 3.0))
    monkeypatch.setattr(view_quality, "TURNS", (0,))
    save(small_fer2013, tmp_path / "data.npz")
    (tmp_path / "faces").mkdir()
    shutil.copy(sample_photo, tmp_path / "faces" / "1_08.jpg")
    words = [str(tmp_path), "--data", str(tmp_path / "data.npz"), "--out", str(tmp_path)]
    words += ["--model", "small-fer2013-int8"]  # the data has no votes of FER+
    done = CliRunner().invoke(view_quality.main, words)
    assert done.exit_code == 0, done.output
    text = (tmp_path / "quality.md").read_text()
    assert "on 1 photos of the Face Research Lab London Set" in text
    assert re.search(r"\| 48 \| 100.0% \| 100.0% \| 100.0% \| [\d.]+ \| 0.0% \|", text)
    committed = re.findall(r"^## .*|^\| step .*", RESULTS.read_text(), re.MULTILINE)
    assert re.findall(r"^## .*|^\| step .*", text, re.MULTILINE) == committed
    assert read_photo(tmp_path / "quality.png", convert=True).std() > 5
