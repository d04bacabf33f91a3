"""No subcommand of `fer-convert` writes over what it reads."""

import json
import shutil
from pathlib import Path

import pytest
from tests.convert.command import fer_convert

from fer_sdk import InputError
from fer_sdk.bundles.registry import DEFAULT_TRAINED, find_model

pytestmark = pytest.mark.tensorflow
for package in ("tensorflow", "tf2onnx", "onnxruntime"):
    pytest.importorskip(package, reason="converting needs the extra `convert`")

from fer_convert.android_export import export
from fer_convert.report import report_paths


@pytest.fixture
def model(tmp_path: Path) -> Path:
    for path in DEFAULT_TRAINED.parent.glob("small.keras*"):
        shutil.copy(path, tmp_path)
    return tmp_path / "small.keras"


def test_a_conversion_writes_over_none_of_its_inputs_and_outputs(
    model: Path, tmp_path: Path
) -> None:
    (tmp_path / "small-int8.tflite").symlink_to(model)
    (tmp_path / "small-float32.tflite").symlink_to(tmp_path / "small-float16.tflite")
    (tmp_path / "small.keras.calibration.html").symlink_to(tmp_path / "x")
    before = model.read_bytes()
    for words, message in (
        (["--int8"], "which this command reads"),
        (["--float32", "--float16"], "are the same file"),
        (["--dynamic", "--report", tmp_path / "small.keras.x"], "which this command reads"),
        (["--dynamic", "--report", tmp_path / "small-dynamic.tflite.x"], "are the same file"),
    ):
        done = fer_convert(model, *words, "--out", tmp_path, "--overwrite")
        assert done.exit_code == 1, done.output
        assert message in done.output.splitlines()[-1]
        assert model.read_bytes() == before
    with pytest.raises(InputError, match="is a folder: name the report"):
        report_paths(Path())


def test_calibrate_refuses_to_replace_the_data(model: Path, tmp_path: Path) -> None:
    data = tmp_path / "small.keras.calibration.json"
    done = fer_convert("calibrate", model, "--data", data, "--overwrite")
    assert done.exit_code == 1
    assert "which this command reads" in done.output


def test_an_android_export_deletes_only_what_an_export_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"name": "a web app"}))
    (folder / "index.html").write_text("<p>mine")
    with pytest.raises(InputError, match=r"not an export, such as index\.html"):
        export([find_model("nano-int8")], folder, overwrite=True)
    exported = {"schema": 1, "sha256": {"models/a.tflite": "0" * 64}}
    (folder / "manifest.json").write_text(json.dumps(exported))
    with pytest.raises(InputError, match=r"not an export, such as index\.html"):
        export([find_model("nano-int8")], folder, overwrite=True)
    assert (folder / "index.html").read_text() == "<p>mine"
    (folder / "index.html").unlink()
    (folder / "models").mkdir()
    shutil.copy(find_model("nano-int8"), folder / "models" / "a.tflite")
    with pytest.raises(InputError, match="contains the model"):
        export([folder / "models" / "a.tflite"], folder, overwrite=True)
    assert (folder / "models" / "a.tflite").is_file()
