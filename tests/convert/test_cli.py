import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest

from fer_convert.cli.convert import _targets
from fer_sdk import ExpressionClassifier, ModelBundle
from fer_sdk.bundles.registry import DEFAULT_TRAINED
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS
from fer_train.data.importer import save

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.command import fer_convert
from tests.convert.nets import bundled, small_net

from fer_convert import convert as conversion
from fer_convert.settings import Target

BOTH: tuple[Target, ...] = (("float32", ".tflite"), ("int8", ".tflite"))
ALL = (*conversion.UNCALIBRATED, *conversion.CALIBRATED)


def test_command_reports_errors_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert fer_convert().exit_code == 2
    done = fer_convert("nothing.keras", "--int8")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line == "error: no model at nothing.keras"


def test_onnxruntime_is_imported_with_its_telemetry_off(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="writing .onnx files needs the extra `convert`")
    code = """
import os, sys
class Spy:
    def find_spec(self, name, path, target=None):
        if name == "onnxruntime":
            print("telemetry off:", os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Spy())
from fer_convert.cli.main import main
main(["nothing.keras", "--onnx"])
"""
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.returncode == 1
    states = set(done.stdout.split())
    assert {"telemetry", "off:", "1"} == states


def test_without_a_trained_model_the_shipped_one_is_used_and_named(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    votes = np.zeros((len(small_fer2013.emotion), 10), np.uint8)
    columns = [FERPLUS_LABELS.index(name) for name in FER2013_LABELS]
    votes[np.arange(len(votes)), np.array(columns)[small_fer2013.emotion]] = 8
    data = replace(small_fer2013, ferplus_votes=votes)
    save(data, tmp_path / "data" / "fer2013.npz")
    done = fer_convert("--float32")
    # On synthetic faces the shipped model does not reach the accuracy in its sidecar.
    assert done.exit_code == 1
    used, refused = done.stderr.splitlines()
    assert used == f"no trained model in runs/: using the shipped model {DEFAULT_TRAINED.name}"
    assert f"{DEFAULT_TRAINED.name} states an accuracy of 87.8%, but reaches" in refused
    assert ModelBundle.load(DEFAULT_TRAINED).labels == FER2013_LABELS


def test_command_converts_the_newest_trained_model(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "net-seed0"
    run.mkdir(parents=True)
    bundled(small_net(), run)
    shutil.copyfile(run / "net.keras", run / "stage1.keras")  # newer, but of an unfinished run
    save(small_fer2013, tmp_path / "data" / "fer2013.npz")
    arguments = ["--int8", "--calibration-samples", "70", "--max-drop", "100"]
    done = fer_convert(*arguments)
    assert done.exit_code == 0, done.output
    assert "labels agree" in done.stdout
    assert "using the newest trained model, runs/net-seed0/net.keras" in done.stderr
    assert "has no accuracy to check the float model" in done.stderr
    path = tmp_path / "converted" / "net-int8.tflite"
    with ExpressionClassifier.load(path) as classifier:
        assert classifier.bundle.precision == "int8"
    again = fer_convert(*arguments)
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
    assert fer_convert(*arguments, "--overwrite").exit_code == 0


def test_options_combine() -> None:
    assert _targets((), as_onnx=True, everything=False) == [("float32", ".onnx")]
    assert _targets(("int8", "float32", "int8"), as_onnx=True, everything=False) == [
        ("int8", ".tflite"), ("float32", ".tflite"), ("float32", ".onnx"), ("int8", ".onnx"),
    ]  # fmt: skip
    assert set(_targets((), as_onnx=False, everything=True)) == set(ALL)
    with pytest.raises(click.UsageError, match="not with --dynamic"):
        _targets(("int8", "dynamic"), as_onnx=True, everything=False)
