"""End to end on synthetic faces: import, train, convert, classify, benchmark."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests.synthetic import write_csv

from fer_bench.cli.main import main as fer_bench
from fer_convert.cli.main import main as fer_convert
from fer_sdk import ExpressionClassifier
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.cli.main import main as fer_train

pytestmark = [pytest.mark.slow, pytest.mark.tensorflow]
pytest.importorskip("tensorflow", reason="needs the extras `train` and `convert`")


def run(command: click.Command, *words: object) -> str:
    """Run a command that must exit with 0; return its stdout."""
    done = CliRunner().invoke(command, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_csv_becomes_a_benchmarked_int8_model(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(fer_train, "import", write_csv(small_fer2013, tmp_path / "own.csv"), "--partial")
    assert "deduplicated PublicTest" in run(fer_train, "fit", "smoke")
    stdout = run(fer_convert, "--int8", "--float32", "--calibration-samples", 70, "--max-drop", 20)
    assert "smoke-int8.tflite" in stdout
    with ExpressionClassifier.load(Path("converted/smoke-int8.tflite")) as classifier:
        (expression,) = classifier.classify([small_fer2013.pixels[0]], color="grey")
        assert classifier.bundle.source["recipe"] == "smoke"
    assert sum(expression.probabilities) == pytest.approx(1)
    models = ["converted/smoke-int8.tflite", "converted/smoke-float32.tflite"]
    words = ("--quick", "--data", "data/fer2013.npz", "--json", "result.json")
    assert "smoke-int8.tflite" in run(fer_bench, *models, *words)
    evaluated = json.loads(run(fer_train, "evaluate", models[0], "--json"))
    measured = json.loads(Path("result.json").read_text())["models"][0]
    assert evaluated["deduplicated"] == measured["accuracy"][0]["deduplicated"]
