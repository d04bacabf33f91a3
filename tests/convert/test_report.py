import json
from pathlib import Path
from typing import Any

import pytest

from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.data.importer import save

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.command import fer_convert
from tests.convert.nets import bundled, small_net


def test_the_report_contains_the_parity_measurements(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="plots need the extra `convert`")
    source, data = bundled(small_net(), tmp_path), tmp_path / "data.npz"
    save(small_fer2013, data)
    arguments = [source, "--int8", "--float16", "--data", data, "--calibration-samples", 70]
    arguments += ["--out", tmp_path / "out", "--report", tmp_path / "report.html"]
    done = fer_convert(*arguments)
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "report.json").read_text())
    assert [variant["precision"] for variant in report["variants"]] == ["int8", "float16"]
    int8 = report["variants"][0]
    assert int8["parity"]["agreement"] == 1
    assert sum(int8["largest_difference_per_face"]["counts"]) == 34
    assert int8["runtimes"]["litert"] == "loads"
    assert any(entry["weights"] for entry in int8["ranges"])
    assert report["seconds"]["load"] > 0
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page.replace("https://", "")
    again = fer_convert(*arguments, "--out", tmp_path / "other")
    assert again.exit_code == 1
    assert "report.json already exists" in again.stderr
