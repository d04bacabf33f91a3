import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_sdk import ModelBundle
from fer_sdk.errors import BundleError
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_train.data.importer import save

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from tests.convert.command import fer_convert
from tests.convert.nets import bundled, conversion_data_of, small_net

from fer_convert import convert as conversion
from fer_convert import recipes
from fer_convert.export import for_conversion
from fer_convert.settings import Target

BOTH: tuple[Target, ...] = (("float32", ".tflite"), ("int8", ".tflite"))
ALL = (*conversion.UNCALIBRATED, *conversion.CALIBRATED)


def test_both_precisions_are_checked_and_written_with_their_sidecars(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    source = bundled(small_net(), tmp_path)
    sidecar = Path(f"{source}.json")
    text = json.loads(sidecar.read_text())
    text["source"]["command"] = "fer-train fit test"
    sidecar.write_text(json.dumps(text))
    out = tmp_path / "out"
    results = conversion.convert(source, BOTH, out, conversion_data_of(small_fer2013))
    assert sorted(path.name for path in out.iterdir()) == [
        "net-float32.tflite", "net-float32.tflite.json", "net-int8.tflite", "net-int8.tflite.json",
    ]  # fmt: skip
    float32, int8 = (found.parity for found in results)
    path = results[1].path
    assert float32.largest_difference < 1e-4
    assert "int8" not in float32.tensors
    assert "float32" not in int8.tensors
    assert int8.tensors["int8"] > 5
    assert int8.agreement > 0.95
    bundle = ModelBundle.load(path)
    assert (bundle.precision, bundle.temperature) == ("int8", 0.5)
    assert bundle.source["recipe"] == "test"
    assert bundle.source["command"] == (
        "fer-train fit test && fer-convert net.keras --int8 --max-drop 0.5"
    )
    assert "70 faces of FER2013 Training" in bundle.source["calibration"]
    assert bundle.metrics[0]["n"] == 34
    assert bundle.metrics[0]["accuracy"] == pytest.approx(int8.accuracy, abs=1e-4)


def test_every_precision_passes_the_parity_gate_and_runs(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    source = bundled(small_net(), tmp_path)
    results = conversion.convert(source, ALL, tmp_path / "out", conversion_data_of(small_fer2013))
    assert {found.path.name for found in results} == {
        "net-float32.tflite", "net-float16.tflite", "net-dynamic.tflite", "net-int8.tflite",
        "net-int16x8.tflite", "net-float32.onnx", "net-float16.onnx", "net-int8.onnx",
    }  # fmt: skip
    tensors = {found.path.name: found.parity.tensors for found in results}
    assert "float16" in tensors["net-float16.tflite"]
    assert {"int8", "float32"} <= set(tensors["net-dynamic.tflite"])
    assert {"int8", "int16"} <= set(tensors["net-int16x8.tflite"])
    assert "int8" in tensors["net-int8.onnx"]
    for found in results:
        assert found.parity.agreement == 1, found.path
        assert ModelBundle.load(found.path).path == found.path


def unfrozen(ready: Any) -> bytes:
    """Convert a function without freezing, so that its variables are missing in the file."""
    import tensorflow as tf

    function = tf.function(lambda face: ready(face)).get_concrete_function(
        tf.TensorSpec((1, 48, 48, 1), tf.float32)
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], ready)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    converter.allow_custom_ops = True
    return bytes(converter.convert())


def full_disk(ready: Any) -> bytes:
    raise OSError(errno.ENOSPC, "No space left on device")


def break_conversion(
    how: str, data: Fer2013, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Save a model and break its conversion in one way; return the model."""
    model = small_net()
    labels: tuple[str, ...] = FER2013_LABELS
    uncalibrated, calibrated = conversion.UNCALIBRATED, conversion.CALIBRATED
    float32, int8 = recipes.float32, recipes.int8_full
    if how == "labels permuted":
        labels = (*FER2013_LABELS[1:], FER2013_LABELS[0])
    elif how == "BN statistics zeroed":
        norm = next(x for x in model.layers if isinstance(x, keras.layers.BatchNormalization))
        norm.set_weights([np.zeros_like(w) for w in norm.get_weights()])
    elif how == "five classes":
        model = keras.Sequential([model, keras.layers.Dense(5)])
    source = bundled(model, folder, labels, stated=1.0)
    if how == "unfrozen variables":
        monkeypatch.setitem(uncalibrated, BOTH[0], unfrozen)
    elif how == "full disk":
        monkeypatch.setitem(uncalibrated, BOTH[0], full_disk)
    elif how == "scaling applied twice":
        monkeypatch.setitem(
            uncalibrated, BOTH[0], lambda ready: float32(for_conversion(small_net(1 / 255**2)))
        )
    elif how == "quantizer that does nothing":
        monkeypatch.setitem(calibrated, BOTH[1], lambda ready, calibration, **rest: float32(ready))
    elif how == "calibration on black faces":
        monkeypatch.setitem(
            calibrated,
            BOTH[1],
            lambda ready, calibration, **rest: int8(
                ready, replace(calibration, faces=np.zeros_like(calibration.faces)), **rest
            ),
        )
    elif how == "truncated .keras":
        bundle = ModelBundle.load(source)
        source.write_bytes(source.read_bytes()[:3000])
        bundle.write_sidecar()
    elif how == "unwritable folder":
        (folder / "out").write_text("a file where the folder should be")
    return source


@pytest.mark.parametrize(
    "how",
    ["unfrozen variables", "quantizer that does nothing", "calibration on black faces",
     "labels permuted", "BN statistics zeroed", "scaling applied twice", "truncated .keras",
     "five classes", "unwritable folder", "full disk"],
)  # fmt: skip
def test_a_broken_conversion_fails_with_exit_code_1_and_leaves_no_file(
    how: str, small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = break_conversion(how, small_fer2013, tmp_path, monkeypatch)
    save(small_fer2013, tmp_path / "data.npz")
    before = sorted(tmp_path.rglob("*"))
    arguments = [str(source), "--float32", "--int8", "--data", str(tmp_path / "data.npz")]
    arguments += ["--out", str(tmp_path / "out"), "--calibration-samples", "70"]
    done = fer_convert(*arguments)
    assert done.exit_code == 1, done.output
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_the_unmodified_model_is_converted(small_fer2013: Fer2013, tmp_path: Path) -> None:
    source = bundled(small_net(), tmp_path, stated=1.0)
    results = conversion.convert(source, BOTH, tmp_path / "out", conversion_data_of(small_fer2013))
    assert [found.parity.accuracy for found in results] == [1, 1]


def test_a_sidecar_that_does_not_match_the_model_is_refused(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    source = bundled(small_net(), tmp_path)
    shutil.copy(source, tmp_path / "other.keras")
    text = json.loads((tmp_path / "net.keras.json").read_text())
    (tmp_path / "other.keras.json").write_text(json.dumps({**text, "sha256": "0" * 64}))
    with pytest.raises(BundleError, match="truncated or changed"):
        conversion.convert(
            tmp_path / "other.keras", BOTH, tmp_path / "out", conversion_data_of(small_fer2013)
        )
