import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from tests.sdk.test_face_pack import write_pack
from tests.synthetic import synthetic_faces

from fer_bench.cli.main import main
from fer_sdk.labels import FER2013_LABELS

NOUNS = {"happy": "happiness", "angry": "anger", "sad": "sadness"}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Synthetic faces, of which the tiny model names all but the last one right."""
    faces, numbers = synthetic_faces(28)
    labels = [FER2013_LABELS[number] for number in numbers]
    images = [np.full((80, 80, 3), 128, np.uint8) for _ in faces]
    for image, face in zip(images, faces, strict=True):
        image[8:72, 8:72] = cv2.resize(face, (64, 64), interpolation=cv2.INTER_NEAREST)[..., None]
    labels[-1] = "neutral" if labels[-1] != "neutral" else "happy"
    return write_pack(
        tmp_path / "pack.npz",
        images,
        label=np.array([NOUNS.get(label, label) for label in labels]),
        split=np.array(["fit"] * 7 + ["report"] * 21),
    )


def bench(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_models_are_scored_on_a_split_of_a_pack(pack: Path, golden: Path, tmp_path: Path) -> None:
    models = [golden / "tiny-int8.tflite", golden / "tiny-float32.tflite"]
    words = ["--faces", pack, "--json", tmp_path / "a.json", "--csv", tmp_path / "a.csv"]
    code, stdout, stderr = bench(*models, *words, "--split", "report")
    assert code == 0, stderr
    text = json.loads((tmp_path / "a.json").read_text())
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["model"] for row in rows] == [model.name for model in models]
    for found, row in zip(text["models"], rows, strict=True):
        assert (found["pack"], found["split"], found["prior"]) == ("pack.npz", "report", "training")
        wrong = 1 - found["accuracy"]
        assert wrong == pytest.approx(1 / found["n"])
        assert 0.5 < found["balanced_accuracy"] < 1
        assert float(row["accuracy"]) == found["accuracy"]
        assert float(row["recall_neutral"]) == found["recalls"]["neutral"]
        assert float(row["neutral_called_sad"]) == found["neutral_called"]["sad"]
    n = text["models"][0]["n"]
    assert n < 21  # without fear and disgust
    assert f"scored on {n} faces of pack.npz, split report" in stdout
    assert f"{100 * text['models'][0]['accuracy']:.1f}" in stdout
    assert "ms" not in stdout.split()


def test_a_prior_moves_the_scores(pack: Path) -> None:
    shares = "angry=1,disgust=1,fear=1,happy=1,sad=1,surprise=1,neutral=1e30"
    code, stdout, stderr = bench("nano-int8", "--faces", pack, "--prior", shares)
    assert code == 0, stderr
    cells = stdout.splitlines()[2].split()
    assert cells[:2] == ["nano-int8.tflite", shares.replace("1e30", "1e+30")]
    assert cells[4:9] == ["100.0", "0.0", "0.0", "0.0", "0.0"]  # everything is called neutral


def test_wrong_packs_splits_priors_and_options_are_one_line_errors(
    pack: Path, golden: Path, tmp_path: Path
) -> None:
    model = golden / "tiny-int8.tflite"
    for words, message, expected in (
        (["--faces", tmp_path / "none.npz"], "no face pack at", 1),
        (["--faces", pack, "--split", "public"], "no split 'public': it has fit, report", 1),
        (["--faces", pack, "--prior", "everyday"], "has no prior 'everyday'", 1),
        (["--faces", pack, "--quick"], "--faces PACK.npz cannot be combined with --quick", 2),
        (["--prior", "everyday"], "--prior needs --faces PACK.npz", 2),
        (["--csv", tmp_path / "a.csv"], "--csv needs --faces PACK.npz", 2),
        (["--split", "report"], "--split must be public or private, but is 'report'", 2),
    ):
        code, stdout, stderr = bench(model, *words)
        assert (code, stdout) == (expected, ""), stderr
        assert message in stderr.splitlines()[-1]
    assert not (tmp_path / "a.csv").exists()
