import errno
import json
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
from click.testing import CliRunner
from numpy.typing import NDArray

from fer_convert.calibration import calibration_faces
from fer_convert.cli import _targets, main
from fer_convert.inspect import Contents, Port
from fer_convert.parity import Parity, ParityError, check, check_extremes, compare
from fer_sdk import ExpressionClassifier, ModelBundle
from fer_sdk.bundle import Precision
from fer_sdk.errors import BundleError, InputError
from fer_sdk.fer2013 import Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.preprocess import FER2013_INPUT
from fer_sdk.shipped import DEFAULT_TRAINED
from fer_train.data.importer import save

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
pytest.importorskip("tensorflow", reason="conversion needs the extra `convert`")

from fer_convert import convert as conversion  # noqa: E402 - needs Keras
from fer_convert import recipes  # noqa: E402
from fer_convert.export import for_conversion  # noqa: E402

BOTH: tuple[conversion.Target, ...] = (("float32", ".tflite"), ("int8", ".tflite"))
ALL = (*conversion.UNCALIBRATED, *conversion.CALIBRATED)


def small_net(scaling: float = 1 / 255, offset: float = 0.0) -> Any:
    """A net with every layer of the student, weights set so that it names the bright band."""
    rng = np.random.default_rng(0)
    inputs = keras.Input((48, 48, 1))
    x = keras.layers.Rescaling(scaling, offset)(inputs)
    x = keras.layers.Conv2D(12, 3, 2, padding="same", use_bias=False, name="first")(x)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    branch = keras.layers.Conv2D(12, 3, padding="same", name="second")(x)
    x = keras.layers.ReLU()(keras.layers.Add()([x, branch]))
    x = keras.layers.AveragePooling2D((3, 24))(x)
    outputs = keras.layers.Dense(7, name="last")(keras.layers.Flatten()(x))
    model = keras.Model(inputs, outputs)
    spread = rng.normal(0, 0.02, (3, 3, 1, 12)) + 1 / 9
    model.get_layer("first").set_weights([spread])
    model.get_layer("second").set_weights([rng.normal(0, 0.01, (3, 3, 12, 12)), np.zeros(12)])
    model.get_layer("last").set_weights([np.repeat(np.eye(8, 7), 12, axis=0) * 8 / 12, np.zeros(7)])
    return model


def bundled(
    model: Any,
    folder: Path,
    labels: tuple[str, ...] = FER2013_LABELS,
    stated: float | None = None,
) -> Path:
    """Save a model with a sidecar, which may state an accuracy."""
    path = folder / "net.keras"
    model.save(path)
    metrics = {"data": "FER2013", "split": "PublicTest, clean", "n": 34, "accuracy": stated}
    ModelBundle(
        path=path, labels=labels, precision="float32", input=FER2013_INPUT, temperature=0.5,
        uncertain_below=0.5, license="Apache-2.0", source={"recipe": "test"},
        metrics=() if stated is None else (metrics,),
    ).write_sidecar()  # fmt: skip
    return path


def test_the_scaling_moves_into_the_first_convolution_exactly() -> None:
    model = small_net()
    ready = for_conversion(model)
    assert ready.input_shape == (1, 48, 48, 1)
    assert not any(isinstance(layer, keras.layers.Rescaling) for layer in ready.layers)
    face = np.random.default_rng(0).uniform(0, 255, (1, 48, 48, 1)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(ready(face)), np.asarray(model(face)), atol=1e-5)


def test_a_scaling_with_offset_stays_where_it_is() -> None:
    model = small_net(1 / 127.5, -1.0)
    ready = for_conversion(model)
    assert any(isinstance(layer, keras.layers.Rescaling) for layer in ready.layers)
    face = np.random.default_rng(0).uniform(0, 255, (1, 48, 48, 1)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(ready(face)), np.asarray(model(face)), atol=1e-5)


def test_both_precisions_are_proven_and_written_with_their_sidecars(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    source = bundled(small_net(), tmp_path)
    out = tmp_path / "out"
    results = conversion.convert(
        source, BOTH, out, small_fer2013, calibration_samples=70, max_drop=100
    )
    assert sorted(path.name for path in out.iterdir()) == [
        "net-float32.tflite", "net-float32.tflite.json", "net-int8.tflite", "net-int8.tflite.json",
    ]  # fmt: skip
    (_, float32), (path, int8) = results
    assert float32.largest_difference < 1e-4
    assert "int8" not in float32.tensors
    assert "float32" not in int8.tensors
    assert int8.tensors["int8"] > 5
    assert int8.agreement > 0.95
    bundle = ModelBundle.load(path)
    assert (bundle.precision, bundle.temperature) == ("int8", 0.5)
    assert bundle.source["recipe"] == "test"
    assert "70 faces of FER2013 Training" in bundle.source["calibration"]
    assert bundle.metrics[0]["n"] == 34
    assert bundle.metrics[0]["accuracy"] == pytest.approx(int8.accuracy, abs=1e-4)


def test_every_precision_is_proven_and_runs(small_fer2013: Fer2013, tmp_path: Path) -> None:
    source = bundled(small_net(), tmp_path)
    results = conversion.convert(
        source, ALL, tmp_path / "out", small_fer2013, calibration_samples=70
    )
    assert {path.name for path, _ in results} == {
        "net-float32.tflite", "net-float16.tflite", "net-dynamic.tflite", "net-int8.tflite",
        "net-int16x8.tflite", "net-float32.onnx", "net-float16.onnx", "net-int8.onnx",
    }  # fmt: skip
    tensors = {path.name: parity.tensors for path, parity in results}
    assert "float16" in tensors["net-float16.tflite"]
    assert {"int8", "float32"} <= set(tensors["net-dynamic.tflite"])
    assert {"int8", "int16"} <= set(tensors["net-int16x8.tflite"])
    assert "int8" in tensors["net-int8.onnx"]
    for path, parity in results:
        assert parity.agreement == 1, path
        assert ModelBundle.load(path).path == path


def test_the_same_input_gives_the_same_bytes(small_fer2013: Fer2013) -> None:
    ready = for_conversion(small_net())
    faces = calibration_faces(small_fer2013, 70)
    assert recipes.int8_full(ready, faces) == recipes.int8_full(ready, faces)


def test_calibration_takes_each_expression_equally_from_training_alone(
    small_fer2013: Fer2013,
) -> None:
    faces = calibration_faces(small_fer2013, 70)
    assert faces.shape == (70, 48, 48)
    row_of = {face.tobytes(): row for row, face in enumerate(small_fer2013.pixels[:140])}
    labels = small_fer2013.emotion[[row_of[face.tobytes()] for face in faces]]
    assert np.bincount(labels).tolist() == [10] * 7
    np.testing.assert_array_equal(faces, calibration_faces(small_fer2013, 70))


def test_calibration_that_does_not_span_all_grey_levels_is_refused(
    small_fer2013: Fer2013,
) -> None:
    dull = replace(small_fer2013, pixels=np.clip(small_fer2013.pixels, 10, 240))
    with pytest.raises(InputError, match="must reach grey levels 0 and 255, but span 10 to 240"):
        calibration_faces(dull, 70)
    with pytest.raises(InputError, match="calibration asks for 100 faces of angry"):
        calibration_faces(small_fer2013, 700)


def measured(**changes: object) -> Parity:
    good = Parity(
        faces=100, largest_difference=0.05, mean_difference=0.01, agreement=0.99,
        float_accuracy=0.7, accuracy=0.699, tensors={"int8": 30},
        input="uint8 scale 1 zero point 0",
    )  # fmt: skip
    return replace(good, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "precision", "message"),
    [
        ({"largest_difference": float("nan")}, "int8", "must be finite"),
        ({"tensors": {"float32": 30}}, "int8", "must hold tensors of int8, but holds"),
        ({"tensors": {"int8": 30, "float32": 2}}, "int8", "must hold no float tensors"),
        ({"tensors": {"int8": 30}}, "int16x8", "must hold tensors of int16"),
        ({"tensors": {"float32": 30}}, "dynamic", "must hold tensors of int8"),
        (
            {"tensors": {"float32": 30}, "largest_difference": 0.0},
            "float16",
            "must hold tensors of float16",
        ),
        (
            {"input": "uint8 scale 0.94 zero point 0"},
            "int8",
            "must take pixels as uint8 scale 1",
        ),
        ({"agreement": 0.9}, "int8", "agree on 90.0%"),
        ({"accuracy": 0.694}, "int8", "accuracy may drop by 0.5 points, but drops by 0.60"),
        ({"largest_difference": 2e-4}, "float32", "may differ by 0.0001"),
    ],
)
def test_the_gate_closes_on_each_fault(
    changes: dict[str, object], precision: Precision, message: str
) -> None:
    check(measured(), BOTH[1], max_drop=0.5)
    check(measured(largest_difference=1e-6), BOTH[0], max_drop=0.5)
    with pytest.raises(ParityError, match=message):
        check(measured(**changes), (precision, ".tflite"), max_drop=0.5)


def contents_of(dtype: str, scale: float, tensors: dict[str, int]) -> Contents:
    port = Port("face", dtype, (1, 48, 48, 1), scale, 0)
    return Contents((port,), (), tensors, {}, 0, 0)


def test_permuted_labels_are_seen() -> None:
    truth = np.arange(70, dtype=np.uint8) % 7
    right = np.eye(7)[truth]
    contents = contents_of("uint8", 1.0, {"int8": 5})
    with pytest.raises(ParityError, match="labels must agree"):
        check(compare(right, right[:, ::-1], truth, contents), BOTH[1], max_drop=0.5)


def test_nan_in_the_converted_file_is_seen() -> None:
    truth = np.arange(70, dtype=np.uint8) % 7
    right = np.eye(7)[truth]
    contents = contents_of("float32", 0.0, {"float32": 5})
    parity = compare(right, np.full_like(right, np.nan), truth, contents)
    with pytest.raises(ParityError, match="must be finite"):
        check(parity, BOTH[0], max_drop=0.5)


@pytest.mark.parametrize(("level", "name"), [(0, "black"), (255, "white")])
def test_a_model_that_breaks_on_an_extreme_face_is_refused(
    level: int, name: str, golden: Path
) -> None:
    class Fragile:
        input_hw, classes = (48, 48), 7

        def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
            broken = (faces == level).all(axis=(1, 2))
            return np.where(broken[:, None], np.nan, np.ones((1, 7))).astype(np.float32)

        def close(self) -> None:
            pass

    bundle = ModelBundle.load(golden / "tiny-int8.tflite")
    with pytest.raises(ParityError, match=f"no finite answer to a {name} face"):
        check_extremes(ExpressionClassifier(bundle, Fragile()))


def unfrozen(ready: Any) -> bytes:
    """Convert as the trap does: a function whose variables stay outside the file."""
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


def sabotage(how: str, data: Fer2013, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prepare a model and spoil its conversion in one way; returns the model."""
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
    elif how == "quantiser that does nothing":
        monkeypatch.setitem(calibrated, BOTH[1], lambda ready, faces: float32(ready))
    elif how == "calibration on black faces":
        monkeypatch.setitem(
            calibrated, BOTH[1], lambda ready, faces: int8(ready, np.zeros_like(faces))
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
    ["unfrozen variables", "quantiser that does nothing", "calibration on black faces",
     "labels permuted", "BN statistics zeroed", "scaling applied twice", "truncated .keras",
     "five classes", "unwritable folder", "full disk"],
)  # fmt: skip
def test_a_spoiled_conversion_fails_with_exit_code_1_and_leaves_no_file(
    how: str, small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sabotage(how, small_fer2013, tmp_path, monkeypatch)
    save(small_fer2013, tmp_path / "data.npz")
    before = sorted(tmp_path.rglob("*"))
    words = [str(source), "--float32", "--int8", "--data", str(tmp_path / "data.npz")]
    words += ["--out", str(tmp_path / "out"), "--calibration-samples", "70"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1, done.output
    assert len([line for line in done.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_the_same_model_unspoiled_is_converted(small_fer2013: Fer2013, tmp_path: Path) -> None:
    source = bundled(small_net(), tmp_path, stated=1.0)
    results = conversion.convert(
        source, BOTH, tmp_path / "out", small_fer2013, calibration_samples=70
    )
    assert [parity.accuracy for _, parity in results] == [1, 1]


def test_command_names_what_is_wrong_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert runner.invoke(main, []).exit_code == 2
    done = runner.invoke(main, ["nothing.keras", "--int8"])
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "run `fer-train import" in line


def test_onnxruntime_is_imported_with_its_telemetry_off(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="writing .onnx files needs the extra `convert`")
    code = """
import os, sys
class Spy:
    def find_spec(self, name, path, target=None):
        if name == "onnxruntime":
            print("telemetry off:", os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Spy())
from fer_convert.cli import main
main(["nothing.keras", "--onnx"])
"""
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert done.returncode == 1
    states = set(done.stdout.split())
    assert {"telemetry", "off:", "1"} == states


def test_without_a_trained_model_the_shipped_one_is_taken_and_named(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(small_fer2013, tmp_path / "data" / "fer2013.npz")
    done = CliRunner().invoke(main, ["--float32"])
    # These faces are made up, so the shipped model is not as good as its sidecar states.
    assert done.exit_code == 1
    taken, refused = done.stderr.splitlines()
    assert taken == "no trained model under runs/: taking the shipped first-student.keras"
    assert "first-student.keras states an accuracy of 66.5%, but reaches" in refused
    assert ModelBundle.load(DEFAULT_TRAINED).labels == FER2013_LABELS


def test_command_converts_the_newest_trained_model(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "runs" / "net-seed0"
    run.mkdir(parents=True)
    bundled(small_net(), run)
    data: dict[str, NDArray[np.generic]] = {
        "pixels": small_fer2013.pixels,
        "emotion": small_fer2013.emotion,
        "usage": small_fer2013.usage,
        "duplicate_of": small_fer2013.duplicate_of,
        "ferplus_votes": small_fer2013.ferplus_votes,
    }
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "fer2013.npz", allow_pickle=False, **data)
    words = ["--int8", "--calibration-samples", "70", "--max-drop", "100"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "labels agree" in done.stdout
    path = tmp_path / "converted" / "net-int8.tflite"
    with ExpressionClassifier.load(path) as classifier:
        assert classifier.bundle.precision == "int8"
    again = CliRunner().invoke(main, words)
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
    assert CliRunner().invoke(main, [*words, "--overwrite"]).exit_code == 0


def test_options_combine() -> None:
    assert _targets((), as_onnx=True, everything=False) == [("float32", ".onnx")]
    assert _targets(("int8", "float32", "int8"), as_onnx=True, everything=False) == [
        ("int8", ".tflite"), ("float32", ".tflite"), ("float32", ".onnx"), ("int8", ".onnx"),
    ]  # fmt: skip
    assert set(_targets((), as_onnx=False, everything=True)) == set(ALL)
    with pytest.raises(click.UsageError, match="not with --dynamic"):
        _targets(("int8", "dynamic"), as_onnx=True, everything=False)


def test_a_sidecar_that_does_not_fit_the_model_is_refused(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    source = bundled(small_net(), tmp_path)
    shutil.copy(source, tmp_path / "other.keras")
    text = json.loads((tmp_path / "net.keras.json").read_text())
    (tmp_path / "other.keras.json").write_text(json.dumps({**text, "sha256": "0" * 64}))
    with pytest.raises(BundleError, match="truncated or changed"):
        conversion.convert(tmp_path / "other.keras", BOTH, tmp_path / "out", small_fer2013)
