"""Input and output types, batches, layers left in float, the report."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from fer_convert.cli.main import main
from fer_sdk import ExpressionClassifier, ModelBundle
from fer_sdk.bundles.inspect import inspect
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.data.importer import save

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.nets import bundled, evidence_of, small_net

from fer_convert import convert as conversion
from fer_convert import parity_faces
from fer_convert.layer_errors import sqnr_db


def fer_convert(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def uneven_net() -> Any:
    """The small net with a channel that means nothing and drowns the others in int8."""
    model = small_net()
    second, last = model.get_layer("second"), model.get_layer("last")
    kernel, bias = second.get_weights()
    bias[11] = 4000
    second.set_weights([kernel, bias])
    weights, bias = last.get_weights()
    weights[11::12] = 0
    last.set_weights([weights, bias])
    return model


@pytest.mark.parametrize(
    ("io", "entry", "exit"),
    [("float", "float32", "float32"), ("uint8", "uint8", "int8"), ("int8", "int8", "int8")],
)
def test_int8_takes_and_gives_what_was_asked_for(
    io: Any, entry: str, exit: str, small_fer2013: Fer2013, tmp_path: Path
) -> None:
    (found,) = conversion.convert(
        bundled(small_net(), tmp_path), [conversion.INT8], tmp_path / "out",
        evidence_of(small_fer2013), conversion.Settings(io=io),
    )  # fmt: skip
    contents = inspect(found.path)
    assert (contents.inputs[0].dtype, contents.outputs[0].dtype) == (entry, exit)
    assert contents.float_operators == ()
    assert found.parity.agreement == 1
    name = "net-int8.tflite" if io == "uint8" else f"net-int8-{io}-io.tflite"
    assert found.path.name == name


def test_a_batch_gives_each_face_the_answer_that_it_gets_alone(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    source, evidence = bundled(small_net(), tmp_path), evidence_of(small_fer2013)
    targets: list[conversion.Target] = [("int8", ".tflite"), ("float32", ".onnx")]
    alone = conversion.convert(source, targets, tmp_path, evidence)
    batched = conversion.convert(source, targets, tmp_path, evidence, conversion.Settings(batch=4))
    assert [p.path.name for p in batched] == ["net-int8-batch4.tflite", "net-float32-batch4.onnx"]
    faces = small_fer2013.pixels[:6]  # a batch and a half
    for one, four in zip(alone, batched, strict=True):
        with ExpressionClassifier.load(one.path) as a, ExpressionClassifier.load(four.path) as b:
            np.testing.assert_allclose(a.probabilities(faces), b.probabilities(faces), atol=1e-6)


def test_a_layer_that_int8_ruins_is_found_and_kept_in_float(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity_faces, "GATE_FACES", 17)  # of 34, so that some are left to choose on
    source, data = bundled(uneven_net(), tmp_path), tmp_path / "data.npz"
    save(small_fer2013, data)
    words = [source, "--int8", "--data", data, "--calibration-samples", 70, "--out", tmp_path]
    refused = fer_convert(*words)
    assert refused.exit_code == 1
    assert "labels must agree" in refused.stderr
    done = fer_convert(*words, "--keep-float", "auto")
    assert done.exit_code == 0, done.output
    bundle = ModelBundle.load(tmp_path / "net-int8-mixed.tflite")
    kept = [int(part.split()[0]) for part in bundle.source["kept_float"].split(", ")]
    contents = inspect(bundle.path)
    assert 0 < len(kept) == len(contents.float_operators) < sum(contents.operators.values())
    report = json.loads(
        fer_convert("debug", source, "--json", "--data", data, "--calibration-samples", 70).stdout
    )
    layers = report["layers"]
    assert [x["alone_db"] for x in layers] == sorted(x["alone_db"] for x in layers)
    assert layers[0]["number"] in kept
    numbers = ",".join(map(str, kept))
    named = fer_convert(*words, "--keep-float", numbers, "--batch", 2)
    assert named.exit_code == 0, named.output
    command = ModelBundle.load(tmp_path / "net-int8-mixed-batch2.tflite").source["command"]
    assert (
        command == f"fer-convert net.keras --int8 --keep-float {numbers} --batch 2 --max-drop 0.5"
    )


def test_layers_that_are_not_there_are_refused(small_fer2013: Fer2013, tmp_path: Path) -> None:
    source, data = bundled(small_net(), tmp_path), tmp_path / "data.npz"
    save(small_fer2013, data)
    words = [source, "--data", data, "--calibration-samples", 70, "--out", tmp_path / "out"]
    for more, code, message in (
        (["--int8", "--keep-float", "99"], 1, "layers are 0 to "),
        (["--int8", "--keep-float", "auto"], 1, "choosing layers needs more than the gate's"),
        (["--int8", "--keep-float", "first"], 2, "must be layer numbers such as 3,7, or auto"),
        (["--float32", "--io", "float"], 2, "--io and --keep-float are for --int8"),
    ):
        done = fer_convert(*words, *more)
        assert done.exit_code == code, done.output
        assert message in done.stderr
        assert not (tmp_path / "out").exists()


def test_debug_lists_every_layer_as_a_table(small_fer2013: Fer2013, tmp_path: Path) -> None:
    source, data = bundled(small_net(), tmp_path), tmp_path / "data.npz"
    save(small_fer2013, data)
    done = fer_convert("debug", source, "--data", data, "--calibration-samples", 70)
    assert done.exit_code == 0, done.output
    for operator in ("CONV_2D", "AVERAGE_POOL_2D", "FULLY_CONNECTED"):
        assert operator in done.stdout


def test_sqnr_is_twenty_decibels_for_an_error_of_a_tenth() -> None:
    signal = np.ones((4, 7), np.float32)
    assert sqnr_db(signal, signal * np.float32(1.1)) == pytest.approx(20, abs=1e-3)
    assert sqnr_db(signal, signal) == 200


def test_the_report_holds_what_the_gate_measured(small_fer2013: Fer2013, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="plots need the extra `convert`")
    source, data = bundled(small_net(), tmp_path), tmp_path / "data.npz"
    save(small_fer2013, data)
    words = [source, "--int8", "--float16", "--data", data, "--calibration-samples", 70]
    words += ["--out", tmp_path / "out", "--report", tmp_path / "gate.html"]
    done = fer_convert(*words)
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "gate.json").read_text())
    assert [variant["precision"] for variant in report["variants"]] == ["int8", "float16"]
    int8 = report["variants"][0]
    assert int8["parity"]["agreement"] == 1
    assert sum(int8["largest_difference_of_a_face"]["counts"]) == 34
    assert int8["runtimes"]["litert"] == "loads"
    assert any(entry["weights"] for entry in int8["ranges"])
    assert report["seconds"]["load"] > 0
    page = (tmp_path / "gate.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page.replace("https://", "")
    again = fer_convert(*words, "--out", tmp_path / "other")
    assert again.exit_code == 1
    assert "gate.json is there already" in again.stderr
