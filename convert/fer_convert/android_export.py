"""Export of everything that an app needs: models, sidecars, face detector, golden predictions.

::

    manifest.json    list of the content, with the sha256 of each file
    models/          every bundle; for an int8 .tflite with uint8 input also NAME-float-io.tflite
                     with float32 input and output, as LiteRT.js requires; for float32 and int8
                     also the .onnx for ONNX Runtime
    detector/        the face detector with a fixed input of 320x320 pixels, and its sidecar
    golden/          synthetic faces and each model's predictions for them in Python
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fer_convert.diff import diff_bundles
from fer_convert.fixed_input import with_input_hw
from fer_convert.float_io import with_float_io
from fer_convert.onnx_recipes import OPSET
from fer_convert.parity import ParityError
from fer_convert.synthetic_faces import synthetic_faces
from fer_sdk._internal.files import sha256_of
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.detector import MULTIPLE, DetectorBundle
from fer_sdk.bundles.inspect import inspect
from fer_sdk.bundles.registry import DEFAULT_DETECTOR, DEFAULT_MODEL, find_detector
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import InputError
from fer_sdk.preprocess import RAW_GREY, InputSpec
from fer_sdk.runtimes import open_image_session

SCHEMA: Final = 1
MANIFEST: Final = "manifest.json"
GOLDEN_FACES: Final = 200
FLOAT_IO: Final = "-float-io"
DETECTOR_SIDE: Final = 320
"""Height and width of the detector's input: a camera's frame of 640x480 pixels at half its size,
upright or on its side."""
DETECTOR_FILE: Final = f"{DEFAULT_DETECTOR}-{DETECTOR_SIDE}x{DETECTOR_SIDE}.tflite"
ONNX_TOLERANCE: Final = {"float32": 1e-4, "int8": 0.1}
"""Largest allowed difference of a probability between a .tflite and the .onnx made from it."""

OnStage = Callable[[str], None]


def bundles_in(folder: Path) -> list[Path]:
    """Return the .tflite and .onnx files of a folder, sorted by name.

    Raises:
        InputError: If the folder contains none.
    """
    found = [p for p in sorted(folder.glob("*")) if p.suffix in (".tflite", ".onnx")]
    if not found:
        raise InputError(f"no .tflite or .onnx file in {folder}: run `fer-convert --out {folder}`")
    return found


def export(
    models: list[Path],
    out: Path,
    *,
    overwrite: bool = False,
    on_stage: OnStage = lambda stage: None,
) -> dict[str, Any]:
    """Write an app's folder; on errors nothing is written.

    Args:
        models: .tflite and .onnx files with sidecars, all with the same input.
        out: The folder, which must not exist or must be empty.
        overwrite: Replace an earlier export in `out`.
        on_stage: Receives the name of each stage when it starts.

    Returns:
        The manifest.

    Raises:
        InputError: If `out` has other content or cannot be written, or the models' inputs differ.
        BundleError: If a bundle is damaged.
        ParityError: If the predictions of a derived file differ from those of its source.
    """
    _check_free(out, overwrite)
    for path in models:
        if out.resolve() in path.resolve().parents:
            raise InputError(f"{out} contains the model {path}, which is read: use another folder")
    bundles = [ModelBundle.load(path) for path in models]
    spec = bundles[0].input
    for bundle in bundles:
        if bundle.input != spec:
            raise InputError(f"{bundle.path} and {bundles[0].path} have different inputs")
    if spec.pixels != RAW_GREY:
        raise InputError(
            f"{bundles[0].path} takes {spec.pixels.color} pixels in the range "
            f"{spec.pixels.range}, but the apps pass grey levels 0 to 255 only"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".fer-android-") as folder:
            ready = Path(folder) / "export"
            manifest = _fill(ready, bundles, spec, on_stage)
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(out)
            ready.replace(out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error
    return manifest


def _check_free(out: Path, overwrite: bool) -> None:
    """Raise an error if a folder has content that is not an export, or must not be overwritten."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out} must be a folder, but is a file")
    files = {p.relative_to(out).as_posix() for p in out.rglob("*") if not p.is_dir()}
    if others := files - _exported(out):
        raise InputError(
            f"{out} contains files that are not an export, such as {min(others)}: use a new or "
            "empty folder"
        )
    if files and not overwrite:
        raise InputError(f"{out} already contains an export: add --overwrite or use another folder")


def _exported(out: Path) -> set[str]:
    """Return the files of an earlier export as its manifest lists them; empty without one."""
    manifest = out / MANIFEST
    try:
        text = json.loads(manifest.read_text(encoding="utf-8"))
        return {MANIFEST, *text["sha256"]} if text["schema"] == SCHEMA else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _fill(
    out: Path, bundles: list[ModelBundle], spec: InputSpec, on_stage: OnStage
) -> dict[str, Any]:
    for name in ("models", "detector", "golden"):
        (out / name).mkdir(parents=True)
    faces = synthetic_faces(GOLDEN_FACES, spec)
    (out / "golden" / "faces.bin").write_bytes(faces.tobytes())
    on_stage(f"write {DETECTOR_FILE}")
    _write_detector(out / "detector" / DETECTOR_FILE)

    predictions, models = {}, []
    for bundle in _all_bundles(out / "models", bundles, faces, on_stage):
        on_stage(f"run {bundle.path.name}")
        file = f"models/{bundle.path.name}"
        predictions[file] = _predictions(bundle, faces).tolist()
        models.append(
            {
                "name": bundle.path.stem.removesuffix(FLOAT_IO),
                "file": file,
                "precision": bundle.precision,
                "runtime": "onnx" if bundle.path.suffix == ".onnx" else "litert",
                "io": _input_type(bundle),
            }
        )
    (out / "golden" / "predictions.json").write_text(json.dumps(predictions) + "\n")

    files = sorted(path for path in out.rglob("*") if path.is_file())
    manifest = {
        "schema": SCHEMA,
        "fer_sdk": version("fer-sdk"),
        "default": _default(bundles),
        "models": models,
        "detector": f"detector/{DETECTOR_FILE}",
        "golden": {
            "faces": "golden/faces.bin",
            "shape": list(faces.shape),
            "predictions": "golden/predictions.json",
        },
        "sha256": {path.relative_to(out).as_posix(): sha256_of(path) for path in files},
    }
    (out / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def _write_detector(path: Path) -> None:
    """Write the default face detector with a fixed input size, and its sidecar.

    Raises:
        ParityError: If its output differs from that of the shipped file.
    """
    shipped = DetectorBundle.load(find_detector(DEFAULT_DETECTOR))
    path.write_bytes(with_input_hw(shipped.path.read_bytes(), DETECTOR_SIDE, DETECTOR_SIDE))
    origin = {**shipped.source, "made_from": sha256_of(shipped.path)}
    replace(shipped, path=path, source=origin, metrics=()).write_sidecar()
    image = np.random.default_rng(0).integers(0, 256, (DETECTOR_SIDE, DETECTOR_SIDE, 3), np.uint8)
    rows = []
    for file in (shipped.path, path):
        session = open_image_session(file)
        rows.append(session.run(image, MULTIPLE).rows)
        session.close()
    if not np.array_equal(rows[0], rows[1]):
        raise ParityError(f"{path.name} differs from {shipped.path.name} on a random image")


def _default(bundles: list[ModelBundle]) -> str:
    """Return the name of the app's default model: the SDK's default, else the first int8 model."""
    names = [bundle.path.stem.removesuffix(FLOAT_IO) for bundle in bundles]
    int8 = [n for n, bundle in zip(names, bundles, strict=True) if bundle.precision == "int8"]
    return DEFAULT_MODEL if DEFAULT_MODEL in names else (int8 or names)[0]


def _all_bundles(
    folder: Path, bundles: list[ModelBundle], faces: NDArray[np.uint8], on_stage: OnStage
) -> list[ModelBundle]:
    """Copy every bundle and derive the additional files that an app needs."""
    copied = []
    for bundle in bundles:
        for path in (bundle.path, bundle.sidecar):
            shutil.copyfile(path, folder / path.name)
        copied.append(ModelBundle.load(folder / bundle.path.name))
    existing = {bundle.path.name for bundle in copied}
    result = list(copied)
    for bundle in copied:
        if bundle.path.suffix != ".tflite" or bundle.path.stem.endswith(FLOAT_IO):
            continue
        with_float32_input = bundle
        if bundle.precision == "int8" and _input_type(bundle) == "uint8":
            float_io = f"{bundle.path.stem}{FLOAT_IO}.tflite"
            if float_io not in existing:
                on_stage(f"write {float_io}")
                data = with_float_io(bundle.path.read_bytes())
                result.append(_derive(bundle, float_io, data, f"fer-sdk {version('fer-sdk')}"))
                _check_derived(bundle, result[-1], faces, 0.0)
            with_float32_input = next(b for b in result if b.path.name == float_io)
        onnx = f"{bundle.path.stem}.onnx"
        wanted = bundle.precision in ONNX_TOLERANCE and _input_type(with_float32_input) == "float32"
        if wanted and onnx not in existing:
            on_stage(f"write {onnx}")
            data = _to_onnx(with_float32_input.path)
            result.append(_derive(bundle, onnx, data, f"tf2onnx {version('tf2onnx')}"))
            _check_derived(bundle, result[-1], faces, ONNX_TOLERANCE[bundle.precision])
    return sorted(result, key=lambda bundle: bundle.path.name)


def _input_type(bundle: ModelBundle) -> str:
    return inspect(bundle.path).inputs[0].dtype


def _derive(source: ModelBundle, name: str, data: bytes, converter: str) -> ModelBundle:
    """Write a file derived from a bundle, with a sidecar without the source's metrics."""
    path = source.path.with_name(name)
    path.write_bytes(data)
    origin = {**source.source, "made_from": sha256_of(source.path), "converter": converter}
    bundle = replace(source, path=path, source=origin, metrics=())
    bundle.write_sidecar()
    return bundle


def _to_onnx(path: Path) -> bytes:
    """Convert a .tflite file to .onnx; int8 files keep their scales in QDQ format."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, at import
    import warnings

    with captured_native_log(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx uses deprecated TensorFlow and NumPy APIs
        import tf2onnx

        model, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
    _duplicate_shared_constants(model.graph)
    return bytes(model.SerializeToString())


def _duplicate_shared_constants(graph: Any) -> None:
    """Give each node its own copy of a constant.

    ONNX Runtime cannot load files with shared constants under the session option that
    `fer_sdk.runtimes.onnx.exact_int8_sums` sets.
    """
    constants = {constant.name: constant for constant in graph.initializer}
    used: Counter[str] = Counter()
    for node in graph.node:
        for number, name in enumerate(node.input):
            used[name] += 1
            if name in constants and used[name] > 1:
                copy = graph.initializer.add()
                copy.CopyFrom(constants[name])
                copy.name = node.input[number] = f"{name}_{used[name]}"


def _predictions(bundle: ModelBundle, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
    with captured_native_log():
        classifier = ExpressionClassifier.load(bundle.path)
    with classifier:
        return classifier.probabilities(faces)


def _check_derived(
    source: ModelBundle, derived: ModelBundle, faces: NDArray[np.uint8], tolerance: float
) -> None:
    """Raise an error if the predictions of a derived file differ from those of its source."""
    found = diff_bundles(source.path, derived.path, faces)
    if not found.largest_difference <= tolerance or found.agreement < 0.98:
        raise ParityError(
            f"{derived.path.name} differs from {source.path.name} on {len(faces)} synthetic faces: "
            f"a probability differs by {found.largest_difference:.2g} (allowed {tolerance:g}) and "
            f"labels agree on {found.agreement:.1%} (at least 98%)"
        )
