import json
import re
import shutil
from pathlib import Path

import cv2
import pytest
from click.testing import CliRunner

from fer_bench.measure.benchmark import Settings
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.inputs.images import read_photo
from fer_train.data.importer import save
from research import model_card

pytest.importorskip("matplotlib", reason="drawing needs the extra `bench`")

SOURCE = {
    "recipe": "small",
    "command": "fer-train distill small s.npz && fer-train qat small.keras s.npz"
    " && fer-convert small.keras --int8",
    "seed": "3", "epochs": "2", "minutes": "1", "trainer": "a trainer",
    "data": "0123, soft labels 4567", "calibration": "504 faces", "hardware": "two cores",
}  # fmt: skip


@pytest.fixture
def shipped(tmp_path: Path, golden: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that says where it comes from, and is taken for a shipped one."""
    for precision in model_card.PRECISIONS:
        path = tmp_path / f"made-up-{precision}.tflite"
        shutil.copy(golden / f"tiny-{precision}.tflite", path)
        sidecar = json.loads((golden / f"tiny-{precision}.tflite.json").read_text())
        Path(f"{path}.json").write_text(json.dumps({**sidecar, "source": SOURCE}))
    monkeypatch.setattr(model_card, "find_model", lambda name: tmp_path / f"{name}.tflite")
    monkeypatch.setattr(model_card, "Settings", lambda: Settings("quick"))
    return tmp_path


def london(folder: Path, photo: Path) -> Path:
    (folder / "faces").mkdir()
    for name in ("1_03", "1_08"):
        assert cv2.imwrite(str(folder / "faces" / f"{name}.jpg"), read_photo(photo))
    people = "face_id,face_age,face_gender,face_eth\n1,NA,female,white\n"
    (folder / "info.csv").write_text(people)
    return folder


def test_the_card_states_what_was_measured(
    shipped: Path, small_fer2013: Fer2013, sample_photo: Path
) -> None:
    save(small_fer2013, shipped / "data.npz")
    words = ["made-up", str(london(shipped, sample_photo)), "--data", str(shipped / "data.npz")]
    done = CliRunner().invoke(model_card.main, [*words, "--out", str(shipped / "docs")])
    assert done.exit_code == 0, done.output
    text = (shipped / "docs" / "made-up.md").read_text()
    for line in (
        " for the last of the runs below (",
        "fer-train distill small s.npz\nfer-train qat small.keras s.npz\n",
        "| faces | 35 | 34 | 35 | 34 |",
        "| accuracy % | 100.00 | 100.00 | 100.00 | 100.00 |",
        "2 of 2 photos with exactly one face found",
        "| age not stated | ",
    ):
        assert line in text
    assert re.search(r"\| int8 \| \d+\.\d{3} \| \d+\.\d{3} \| ", text)
    assert "face, as 1 " in text
    assert "0.0 % of the answers, of which none are wrong. Of the others 100.0 % are right." in text
    assert read_photo(shipped / "docs" / "made-up.png", convert=True).std() > 5


def test_a_class_that_is_rarely_found_is_named(shipped: Path, small_fer2013: Fer2013) -> None:
    emotion = small_fer2013.emotion.copy()
    emotion[emotion == 2] = 4
    save(Fer2013(small_fer2013.pixels, emotion, small_fer2013.usage, small_fer2013.duplicate_of,
                 small_fer2013.ferplus_votes), shipped / "data.npz")  # fmt: skip
    photo = Path(__file__).parents[2] / "examples" / "eileen_collins.png"
    words = ["made-up", str(london(shipped, photo)), "--data", str(shipped / "data.npz")]
    done = CliRunner().invoke(model_card.main, [*words, "--out", str(shipped)])
    assert done.exit_code == 0, done.output
    text = (shipped / "made-up.md").read_text()
    assert "- sad is found in 50 % of the cases; else it is called fear (50 %)." in text


def test_a_model_of_unknown_origin_has_no_card(
    shipped: Path, golden: Path, small_fer2013: Fer2013
) -> None:
    save(small_fer2013, shipped / "data.npz")
    shutil.copy(golden / "tiny-int8.tflite.json", shipped / "made-up-int8.tflite.json")
    words = ["made-up", str(shipped), "--data", str(shipped / "data.npz"), "--out", str(shipped)]
    done = CliRunner().invoke(model_card.main, words)
    assert done.exit_code == 1
    assert "its source lacks calibration, command, data, epochs" in done.stderr
    assert not (shipped / "made-up.md").exists()


def test_a_model_whose_training_is_not_named_has_no_card(
    shipped: Path, small_fer2013: Fer2013
) -> None:
    save(small_fer2013, shipped / "data.npz")
    sidecar = shipped / "made-up-int8.tflite.json"
    told = json.loads(sidecar.read_text())
    told["source"]["command"] = "fer-convert small.keras --int8"
    sidecar.write_text(json.dumps(told))
    words = ["made-up", str(shipped), "--data", str(shipped / "data.npz"), "--out", str(shipped)]
    done = CliRunner().invoke(model_card.main, words)
    assert done.exit_code == 1
    assert "must name the commands that trained and converted the model" in done.stderr
    assert not (shipped / "made-up.md").exists()
