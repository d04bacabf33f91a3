import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.synthetic import with_votes

from fer_sdk import ModelBundle
from fer_sdk.bundles.registry import DEFAULT_MODEL, DEFAULT_NAME, DEFAULT_TRAINED, shipped_models
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS
from fer_train.data.importer import save

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.command import fer_convert
from tests.convert.nets import bundled, small_net

from fer_convert.calibration import calibration_path


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to a working directory without FER2013 and trained models; return its parent."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def photos(sample_photo: Path, tmp_path: Path) -> Path:
    """Return a folder of twenty photos of one face in different light and one without a face."""
    folder = tmp_path / "photos"
    folder.mkdir()
    photo = read_photo(sample_photo)[::2, ::2]
    for number in range(20):
        lit = np.clip(photo * (0.5 + number / 20), 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.jpg"), lit)
    cv2.imwrite(str(folder / "wall.png"), np.full((64, 64, 3), 128, np.uint8))
    return folder


def test_the_shipped_model_converts_to_the_shipped_int8_file_without_fer2013(
    empty_folder: Path,
) -> None:
    done = fer_convert("--int8")
    assert done.exit_code == 0, done.output
    assert "int8 calibrated with stored ranges of 504 faces of FER2013 Training" in done.stdout
    assert "accuracy not checked: these faces have no labels" in done.stdout
    path = Path(f"converted/{DEFAULT_MODEL}.tflite")
    assert path.stat().st_size == shipped_models()[DEFAULT_MODEL].stat().st_size
    bundle = ModelBundle.load(path)
    assert bundle.source["calibration"].startswith("stored ranges of 504 faces")
    assert bundle.metrics[-1]["split"] == "without labels"


def test_the_shipped_model_converts_to_int8_onnx_without_fer2013(empty_folder: Path) -> None:
    done = fer_convert("--int8", "--onnx")
    assert done.exit_code == 0, done.output
    (metric,) = ModelBundle.load(Path(f"converted/{DEFAULT_MODEL}.onnx")).metrics
    assert metric["label_agreement"] > 0.95


def test_a_model_with_contempt_is_compared_with_the_ferplus_majority(
    small_fer2013: Fer2013, empty_folder: Path
) -> None:
    voted = with_votes(small_fer2013)
    voted.ferplus_votes[150:160] = np.eye(10, dtype=np.uint8)[8] * 8  # every vote is "unknown"
    columns = [FERPLUS_LABELS.index(label) for label in FER2013_LABELS]
    logits = keras.layers.Dense(8, use_bias=False)
    model = keras.Sequential([small_net(), logits])
    logits.set_weights([np.eye(8, dtype=np.float32)[columns]])
    source = bundled(model, empty_folder, FERPLUS_LABELS[:8], stated=1.0)
    arguments = ["--data", empty_folder / "data.npz", "--calibration-samples", 70, "--out", "out"]
    save(small_fer2013, empty_folder / "data.npz")
    without = fer_convert(source, "--int8", *arguments)
    assert without.exit_code == 1
    assert "has no FER+ votes" in without.stderr
    save(voted, empty_folder / "data.npz")
    done = fer_convert(source, "--int8", *arguments)
    assert done.exit_code == 0, done.output
    (metric,) = ModelBundle.load(Path("out/net-int8.tflite")).metrics
    assert (metric["data"], metric["n"], metric["accuracy"]) == ("FER+ majority", 24, 1.0)


def test_a_model_of_ferplus_votes_states_so_and_is_compared_with_their_majority(
    small_fer2013: Fer2013, empty_folder: Path
) -> None:
    voted = with_votes(small_fer2013)
    voted.ferplus_votes[150:155] = np.eye(10, dtype=np.uint8)[7] * 8  # every vote is contempt
    voted.ferplus_votes[155:160] = np.eye(10, dtype=np.uint8)[8] * 8  # and "unknown"
    bundle = ModelBundle.load(bundled(small_net(), empty_folder, stated=1.0))
    replace(bundle, source={**bundle.source, "label_convention": "FER+"}).write_sidecar()
    save(voted, empty_folder / "data.npz")
    done = fer_convert(
        bundle.path, "--int8", "--data", empty_folder / "data.npz", "--calibration-samples", 70,
        "--out", "out",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    (metric,) = ModelBundle.load(Path("out/net-int8.tflite")).metrics
    assert (metric["data"], metric["n"], metric["accuracy"]) == ("FER+ majority", 24, 1.0)


def test_stored_ranges_and_calibration_faces_write_the_same_bytes(
    small_fer2013: Fer2013, empty_folder: Path
) -> None:
    source, data = bundled(small_net(), empty_folder), empty_folder / "data.npz"
    save(small_fer2013, data)
    arguments = ["--data", data, "--calibration-samples", 70]
    done = fer_convert(source, "--int8", "--onnx", *arguments, "--out", "faces")
    assert done.exit_code == 0, done.output
    assert fer_convert("calibrate", source, *arguments).exit_code == 0
    assert fer_convert(source, "--int8", "--onnx", "--out", "stored").exit_code == 0
    for name in ("net-int8.tflite", "net-int8.onnx"):
        assert Path("stored", name).read_bytes() == Path("faces", name).read_bytes()


def test_a_bad_conversion_fails_the_parity_check_without_fer2013(empty_folder: Path) -> None:
    source = empty_folder / "student.keras"
    source.write_bytes(DEFAULT_TRAINED.read_bytes())
    for name in (f"{DEFAULT_TRAINED.name}.json", calibration_path(DEFAULT_TRAINED).name):
        text = DEFAULT_TRAINED.with_name(name).read_text()
        (empty_folder / name.replace(DEFAULT_NAME, "student")).write_text(text)
    stored = calibration_path(source)
    text = json.loads(stored.read_text())
    text["tflite"] = [[maker, 0.1 * low, 0.1 * high] for maker, low, high in text["tflite"]]
    stored.write_text(json.dumps(text))
    done = fer_convert(source, "--int8")
    assert done.exit_code == 1
    assert "labels must agree on 90%" in done.stderr
    assert not Path("converted").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "is damaged: .*schema must be 1, but is 2"),
        ({"float_sha256": "0" * 64}, "does not belong to"),
        ({"mean_faces_png": "AAAA"}, "is damaged"),
        ({"tflite": [["input", 0, 255]]}, "the 1 stored ranges do not match"),
    ],
)
def test_a_calibration_file_that_does_not_match_is_refused(
    change: dict[str, object], message: str, small_fer2013: Fer2013, empty_folder: Path
) -> None:
    source, data = bundled(small_net(), empty_folder), empty_folder / "data.npz"
    save(small_fer2013, data)
    done = fer_convert("calibrate", source, "--data", data, "--calibration-samples", 70)
    assert done.exit_code == 0, done.output
    stored = calibration_path(source)
    stored.write_text(json.dumps(json.loads(stored.read_text()) | change))
    done = fer_convert(source, "--int8")
    assert done.exit_code == 1
    (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
    assert re.search(message, line)


def test_photos_provide_calibration_and_parity_faces(empty_folder: Path, photos: Path) -> None:
    done = fer_convert("--int8", "--calibration", photos, "--calibration-samples", 20)
    assert done.exit_code == 0, done.output
    arguments = "20 of 20 faces in 21 photos, 1 without a face"
    assert f"int8 calibrated with {arguments}" in done.stdout
    assert f"parity checked on the calibration faces, {arguments}" in done.stdout
    bundle = ModelBundle.load(Path(f"converted/{DEFAULT_MODEL}.tflite"))
    assert bundle.source["calibration"] == arguments


def test_missing_calibration_sources_are_reported_in_one_line(
    empty_folder: Path, photos: Path
) -> None:
    source = bundled(small_net(), empty_folder)
    for path in list(photos.glob("1*.jpg")):
        path.unlink()
    for arguments, message in (
        ([source, "--int8"], "no imported FER2013 at"),
        ([source, "--int8", "--data", "nothing.npz"], "run `fer-train import"),
        (["--int8", "--calibration-samples", 70], "--calibration-samples needs FER2013 or photos"),
        (["--int8", "--calibration", empty_folder / "none"], "must be a folder of photos"),
        (["--int8", "--calibration", photos], "calibration needs 20 faces, but 10 photos"),
    ):
        done = fer_convert(*arguments)
        assert done.exit_code == 1, done.output
        (line,) = [x for x in done.stderr.splitlines() if x.startswith("error: ")]
        assert message in line
        assert not Path("converted").exists()
