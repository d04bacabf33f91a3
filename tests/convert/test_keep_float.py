import json
from pathlib import Path
from typing import Any

import pytest

from fer_sdk import ModelBundle
from fer_sdk.bundles.inspect import inspect
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.data.importer import save

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.command import fer_convert
from tests.convert.nets import bundled, small_net

from fer_convert import parity_faces


def uneven_net() -> Any:
    """Return the small network with an unused channel whose range swamps the others in int8."""
    model = small_net()
    second, last = model.get_layer("second"), model.get_layer("last")
    kernel, bias = second.get_weights()
    bias[11] = 4000
    second.set_weights([kernel, bias])
    weights, bias = last.get_weights()
    weights[11::12] = 0
    last.set_weights([weights, bias])
    return model


def test_auto_keeps_the_layer_with_the_largest_int8_error_in_float(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        parity_faces, "PARITY_FACE_COUNT", 17
    )  # of 34; float layers are selected on the others
    source, data = bundled(uneven_net(), tmp_path), tmp_path / "data.npz"
    save(small_fer2013, data)
    arguments = [source, "--int8", "--data", data, "--calibration-samples", 70, "--out", tmp_path]
    refused = fer_convert(*arguments)
    assert refused.exit_code == 1
    assert "labels must agree" in refused.stderr
    done = fer_convert(*arguments, "--keep-float", "auto")
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
    named = fer_convert(*arguments, "--keep-float", numbers, "--batch", 2)
    assert named.exit_code == 0, named.output
    command = ModelBundle.load(tmp_path / "net-int8-mixed-batch2.tflite").source["command"]
    assert (
        command == f"fer-convert net.keras --int8 --keep-float {numbers} --batch 2 --max-drop 0.5"
    )


def test_invalid_layers_are_refused(small_fer2013: Fer2013, tmp_path: Path) -> None:
    source, data = bundled(small_net(), tmp_path), tmp_path / "data.npz"
    save(small_fer2013, data)
    arguments = [source, "--data", data, "--calibration-samples", 70, "--out", tmp_path / "out"]
    for more, code, message in (
        (["--int8", "--keep-float", "99"], 1, "the model has layers 0 to "),
        (["--int8", "--keep-float", "auto"], 1, "selecting layers needs more than the"),
        (["--int8", "--keep-float", "first"], 2, "must be layer numbers such as 3,7, or auto"),
        (["--float32", "--io", "float"], 2, "--io and --keep-float need --int8"),
    ):
        done = fer_convert(*arguments, *more)
        assert done.exit_code == code, done.output
        assert message in done.stderr
        assert not (tmp_path / "out").exists()
