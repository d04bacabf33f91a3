import json
import shutil
from pathlib import Path

import cv2
import pytest
from click.testing import Result
from tests.command_line import run_command

from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.cli import doctor
from fer_sdk.cli.main import main


def fer(*words: object) -> Result:
    return run_command(main, *words)


def test_models_are_listed_with_size_precision_and_accuracy() -> None:
    done = fer("models")
    assert done.exit_code == 0
    assert DEFAULT_MODEL in done.stdout
    assert "390,392  int8       69.1% of 1000" in done.stdout
    listed = json.loads(fer("models", "--json").stdout)
    assert listed["default"] in {model["name"] for model in listed["models"]}


def test_a_changed_model_is_one_line_and_the_others_are_listed(
    tiny_int8: Path, golden: Path, tmp_path: Path
) -> None:
    changed = tmp_path / tiny_int8.name
    shutil.copy(tiny_int8.with_name(tiny_int8.name + ".json"), tmp_path)
    changed.write_bytes(tiny_int8.read_bytes() + b"\0")
    done = fer("models", changed, golden / "tiny-float32.onnx")
    assert done.exit_code == 1
    assert "not stated" in done.stdout
    (line,) = done.stderr.splitlines()
    assert "truncated or changed" in line


def test_doctor_lists_what_is_installed_and_how_to_install_the_rest() -> None:
    done = fer("doctor", "--json")
    assert done.exit_code == 0, done.stdout
    printed = json.loads(done.stdout)
    assert printed["environment"]["numpy"][0].isdigit()
    found = {(finding["area"], finding["name"]): finding for finding in printed["findings"]}
    assert found["runtime", "litert (ai-edge-litert)"]["state"] == "ok"
    assert found["detector", "yunet-float32"]["state"] == "ok"
    (opencv,) = (finding for finding in printed["findings"] if finding["area"] == "opencv")
    assert opencv["state"] == "ok"
    assert opencv["detail"] == cv2.__version__
    assert found["model", DEFAULT_MODEL]["state"] == "ok"
    assert found["cache", "fer-sdk"]["detail"] == "has none"
    for finding in printed["findings"]:
        if finding["state"] == "missing" and finding["area"] == "package":
            assert "pip install" in finding["detail"]


def test_doctor_fails_when_a_runtime_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PROBE", "import os; os.abort()")
    done = fer("doctor")
    assert done.exit_code == 1
    assert "failed   runtime   litert" in done.stdout
    assert "ended without a result" in done.stdout


def test_doctor_warns_of_two_opencv_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"opencv-python": "5.0.0.93", "opencv-python-headless": "4.12.0.88"}
    monkeypatch.setattr(doctor, "installed_opencv", lambda: both)
    finding = doctor._opencv()
    assert finding.state == "warning"
    assert "pip uninstall opencv-python opencv-python-headless" in finding.detail
    assert f"cv2 is version {cv2.__version__};" in finding.detail


def test_doctor_names_the_headless_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "installed_opencv", lambda: {"opencv-python-headless": "5.0.0.93"})
    finding = doctor._opencv()
    assert (finding.state, finding.name) == ("ok", "opencv-python-headless")


def test_doctor_reports_a_missing_opencv_as_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "installed_opencv", dict)
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    finding = doctor._opencv()
    assert finding.state == "missing"
    assert "pip install opencv-python" in finding.detail
