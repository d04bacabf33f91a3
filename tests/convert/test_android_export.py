import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.convert.command import fer_convert
from tests.web.npm_package import check_contents

from fer_convert.android_export import DETECTOR_SIDE
from fer_convert.fixed_input import with_input_hw
from fer_convert.float_io import with_float_io
from fer_convert.synthetic_faces import synthetic_faces
from fer_sdk import BundleError, ExpressionClassifier, ModelBundle
from fer_sdk._internal.files import sha256_of
from fer_sdk.bundles.detector import DetectorBundle
from fer_sdk.bundles.inspect import inspect
from fer_sdk.bundles.registry import DEFAULT_MODEL, MODELS_FOLDER, find_detector
from fer_sdk.preprocess import FER2013_INPUT

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.tensorflow
for package in ("tensorflow", "tf2onnx", "onnxruntime"):
    pytest.importorskip(package, reason="exporting for Android needs the extra `convert`")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("app") / "assets"
    done = fer_convert("--android", out)
    assert done.exit_code == 0, done.output
    assert f"{out / 'manifest.json'}: " in done.stdout
    return out


@pytest.fixture(scope="module")
def manifest(folder: Path) -> dict[str, Any]:
    text: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return text


def golden_faces(folder: Path, manifest: dict[str, Any]) -> NDArray[np.uint8]:
    data = (folder / manifest["golden"]["faces"]).read_bytes()
    return np.asarray(np.frombuffer(data, np.uint8).reshape(manifest["golden"]["shape"]))


def test_every_file_is_in_the_manifest_with_its_hash(
    folder: Path, manifest: dict[str, Any]
) -> None:
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert files == {"manifest.json", *manifest["sha256"]}
    for name, sha256 in manifest["sha256"].items():
        assert sha256_of(folder / name) == sha256
    named = [model["file"] for model in manifest["models"]]
    named += [manifest["detector"], manifest["golden"]["faces"], manifest["golden"]["predictions"]]
    assert set(named) <= files


def test_every_shipped_model_is_copied_unchanged_and_exported_for_every_engine(
    folder: Path, manifest: dict[str, Any]
) -> None:
    offered = {(m["name"], m["runtime"], m["io"]) for m in manifest["models"]}
    for path in MODELS_FOLDER.glob("*.tflite"):
        bundle = ModelBundle.load(folder / "models" / path.name)
        assert sha256_of(bundle.path) == sha256_of(path)
        if bundle.precision in ("float32", "int8"):
            assert (path.stem, "litert", "float32") in offered
            assert (path.stem, "onnx", "float32") in offered
    assert (manifest["default"], "litert", "float32") in offered


def test_the_detector_is_the_shipped_one_with_a_fixed_input(
    folder: Path, manifest: dict[str, Any]
) -> None:
    path = folder / manifest["detector"]
    bundle, shipped = DetectorBundle.load(path), DetectorBundle.load(find_detector("yunet-float32"))
    assert (bundle.factors, bundle.license) == (shipped.factors, shipped.license)
    assert bundle.source["made_from"] == sha256_of(shipped.path)
    assert inspect(path).inputs[0].shape == (1, DETECTOR_SIDE, DETECTOR_SIDE, 3)
    assert inspect(path).outputs[0].shape == (1, 2100, 16)
    for suffix in ("", ".json"):  # the app's copy, for builds without Python
        copy = ROOT / "android_demo" / "fer-models" / "detector" / f"{path.name}{suffix}"
        assert copy.read_bytes() == path.with_name(path.name + suffix).read_bytes(), (
            f"replace {copy} by the file that `fer-convert --android` writes"
        )


def test_a_size_that_the_detector_cannot_take_is_one_line() -> None:
    with pytest.raises(BundleError, match="cannot take 90x100 pixels") as caught:
        with_input_hw(find_detector("yunet-float32").read_bytes(), 100, 90)
    assert len(str(caught.value).splitlines()) == 1


def test_the_golden_predictions_match_each_model(folder: Path, manifest: dict[str, Any]) -> None:
    faces = golden_faces(folder, manifest)
    predictions = json.loads((folder / manifest["golden"]["predictions"]).read_text())
    labels = set()
    for model in manifest["models"]:
        with ExpressionClassifier.load(folder / model["file"]) as classifier:
            given = classifier.probabilities(faces)
        np.testing.assert_allclose(given, predictions[model["file"]], atol=1e-6)
        labels |= set(given.argmax(axis=1).tolist())
    assert len(labels) >= 5


def test_float_input_and_output_do_not_change_logits(tmp_path: Path) -> None:
    path = MODELS_FOLDER / f"{DEFAULT_MODEL}.tflite"
    made = tmp_path / "made.tflite"
    made.write_bytes(with_float_io(path.read_bytes()))
    faces = synthetic_faces(50, FER2013_INPUT, seed=3)
    bundle = ModelBundle.load(path)
    (tmp_path / "made.tflite.json").write_text(
        bundle.sidecar.read_text().replace(sha256_of(path), sha256_of(made))
    )
    with ExpressionClassifier.load(path) as first, ExpressionClassifier.load(made) as second:
        np.testing.assert_array_equal(first.probabilities(faces), second.probabilities(faces))
    with pytest.raises(BundleError, match="full int8"):
        with_float_io(made.read_bytes())


def test_synthetic_faces_have_many_expressions_and_depend_only_on_the_seed() -> None:
    faces = synthetic_faces(60, FER2013_INPUT)
    np.testing.assert_array_equal(faces, synthetic_faces(60, FER2013_INPUT))
    assert (faces != synthetic_faces(60, FER2013_INPUT, seed=1)).any()
    with ExpressionClassifier.load("small-fer2013-int8", prior="training") as classifier:
        labels = Counter(e.label for e in classifier.classify_inputs(faces))
    assert len(labels) >= 4
    assert max(labels.values()) < 40


def test_a_folder_of_bundles_is_exported(golden: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for path in golden.glob("tiny-*"):
        if "int16x8" not in path.name:
            shutil.copy(path, models)
    out = tmp_path / "out"
    done = fer_convert(models, "--android", out)
    assert done.exit_code == 0, done.output
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["default"] == "tiny-int8"
    assert (out / "models" / "tiny-float32.onnx").read_bytes() == (
        golden / "tiny-float32.onnx"
    ).read_bytes()
    assert fer_convert(models, "--android", out).exit_code == 1
    assert fer_convert(models, "--android", out, "--overwrite").exit_code == 0


def test_a_folder_that_is_not_an_export_is_not_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("mine")
    done = fer_convert("--android", mine, "--overwrite")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "not an export" in line
    assert (mine / "notes.txt").read_text() == "mine"
    done = fer_convert(tmp_path, "--android", tmp_path / "new")
    assert done.exit_code == 1
    assert "no .tflite or .onnx file" in done.stderr
    assert not (tmp_path / "new").exists()


def test_android_does_not_combine_with_a_precision(tmp_path: Path) -> None:
    done = fer_convert("--android", tmp_path / "new", "--int8")
    assert done.exit_code == 2
    assert "--android does not combine with precisions" in done.stderr


def test_a_damaged_bundle_leaves_no_files(golden: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for path in golden.glob("tiny-int8.tflite*"):
        shutil.copy(path, models)
    (models / "tiny-int8.tflite").write_bytes(b"TFL3")
    done = fer_convert(models, "--android", tmp_path / "out")
    assert done.exit_code == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["models"]


def test_an_int8_model_with_float_input_gets_no_second_float_input_file(
    folder: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    made = f"{DEFAULT_MODEL}-float-io.tflite"
    for suffix in ("", ".json"):
        shutil.copy(folder / "models" / (made + suffix), models / ("own.tflite" + suffix))
    done = fer_convert(models, "--android", tmp_path / "out")
    assert done.exit_code == 0, done.output
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [(m["name"], m["runtime"], m["io"]) for m in manifest["models"]] == [
        ("own", "onnx", "float32"), ("own", "litert", "float32"),
    ]  # fmt: skip


def test_the_npm_package_is_packed_from_the_export(folder: Path, tmp_path: Path) -> None:
    web = ROOT / "android_demo" / "web"
    if not (web / "node_modules" / "@litertjs").is_dir():
        pytest.skip("LiteRT.js is not installed: run `make packages`")
    command = ["node", str(web / "build.mjs"), "package", str(folder), str(tmp_path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (tarball,) = tmp_path.glob("*.tgz")
    assert done.stdout.strip() == str(tarball)
    check_contents(tarball)
