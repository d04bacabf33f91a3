"""Everything that an app needs, in one folder: models, sidecars, face detector, golden vectors.

::

    manifest.json    what is there, with the sha256 of each file
    models/          every bundle; of an int8 .tflite with uint8 input also NAME-float-io.tflite,
                     for LiteRT.js and for buffers of floats; of float32 and int8 also the .onnx,
                     for ONNX Runtime
    detector/        BlazeFace
    golden/          synthetic faces, and each model's predictions for them in Python
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fer_convert.float_io import with_float_io
from fer_convert.onnx_recipes import OPSET
from fer_convert.parity import ParityError
from fer_convert.synthetic_faces import synthetic_faces
from fer_sdk._internal.files import sha256_of
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.inspect import inspect
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.detectors.blazeface import BLAZEFACE_FILE
from fer_sdk.errors import InputError
from fer_sdk.preprocess import InputSpec

SCHEMA: Final = 1
GOLDEN_FACES: Final = 200
FLOAT_IO: Final = "-float-io"
ONNX_TOLERANCE: Final = {"float32": 1e-4, "int8": 0.1}
"""Largest difference of a probability between a .tflite and the .onnx that is made from it."""

Say = Callable[[str], None]


def bundles_in(folder: Path) -> list[Path]:
    """Return the .tflite and .onnx files of a folder, sorted by name.

    Raises:
        InputError: If there is none.
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
    say: Say = lambda stage: None,
) -> dict[str, Any]:
    """Write an app's folder, or nothing.

    Args:
        models: .tflite and .onnx files with their sidecars, all for one input size.
        out: The folder; must be absent or empty.
        overwrite: Replace an earlier export in `out`.
        say: Told about each stage.

    Returns:
        The manifest.

    Raises:
        InputError: If `out` holds something else, cannot be written, or the models do not fit.
        BundleError: If a bundle is damaged.
        ParityError: If a made file does not answer as the one that it was made from.
    """
    _check_free(out, overwrite)
    bundles = [ModelBundle.load(path) for path in models]
    spec = bundles[0].input
    for bundle in bundles:
        if bundle.input != spec:
            raise InputError(f"{bundle.path} has another input than {bundles[0].path}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".fer-android-") as folder:
            ready = Path(folder) / "export"
            manifest = _fill(ready, bundles, spec, say)
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(out)
            ready.replace(out)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error
    return manifest


def _check_free(out: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something that this command did not write."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out} must be a folder, but is a file")
    names = {path.name for path in out.iterdir()}
    if names and "manifest.json" not in names:
        raise InputError(f"{out} holds files that are no export: give a new or an empty folder")
    if names and not overwrite:
        raise InputError(f"{out} holds an export already: add --overwrite or give another folder")


def _fill(out: Path, bundles: list[ModelBundle], spec: InputSpec, say: Say) -> dict[str, Any]:
    for name in ("models", "detector", "golden"):
        (out / name).mkdir(parents=True)
    faces = synthetic_faces(GOLDEN_FACES, spec)
    (out / "golden" / "faces.bin").write_bytes(faces.tobytes())
    detector = (resources.files("fer_sdk") / "data" / BLAZEFACE_FILE).read_bytes()
    (out / "detector" / BLAZEFACE_FILE).write_bytes(detector)

    predictions, models = {}, []
    for bundle in _all_bundles(out / "models", bundles, faces, say):
        say(f"predictions of {bundle.path.name}")
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
        "detector": f"detector/{BLAZEFACE_FILE}",
        "golden": {
            "faces": "golden/faces.bin",
            "shape": list(faces.shape),
            "predictions": "golden/predictions.json",
        },
        "sha256": {path.relative_to(out).as_posix(): sha256_of(path) for path in files},
    }
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def _default(bundles: list[ModelBundle]) -> str:
    """Return the model that an app starts with: the SDK's own default, else the first int8 one."""
    names = [bundle.path.stem.removesuffix(FLOAT_IO) for bundle in bundles]
    small = [n for n, bundle in zip(names, bundles, strict=True) if bundle.precision == "int8"]
    return DEFAULT_MODEL if DEFAULT_MODEL in names else (small or names)[0]


def _all_bundles(
    folder: Path, bundles: list[ModelBundle], faces: NDArray[np.uint8], say: Say
) -> list[ModelBundle]:
    """Copy every bundle and make those that an app needs beside them."""
    copied = []
    for bundle in bundles:
        for path in (bundle.path, bundle.sidecar):
            shutil.copyfile(path, folder / path.name)
        copied.append(ModelBundle.load(folder / bundle.path.name))
    there = {bundle.path.name for bundle in copied}
    made = list(copied)
    for bundle in copied:
        if bundle.path.suffix != ".tflite" or bundle.path.stem.endswith(FLOAT_IO):
            continue
        twin = bundle
        if bundle.precision == "int8" and _input_type(bundle) == "uint8":
            float_io = f"{bundle.path.stem}{FLOAT_IO}.tflite"
            if float_io not in there:
                say(f"make {float_io}")
                data = with_float_io(bundle.path.read_bytes())
                made.append(_made(bundle, float_io, data, f"fer-sdk {version('fer-sdk')}"))
                _check_twin(bundle, made[-1], faces, 0.0)
            twin = next(b for b in made if b.path.name == float_io)
        onnx = f"{bundle.path.stem}.onnx"
        wanted = bundle.precision in ONNX_TOLERANCE and _input_type(twin) == "float32"
        if wanted and onnx not in there:
            say(f"make {onnx}")
            made.append(_made(bundle, onnx, _to_onnx(twin.path), f"tf2onnx {version('tf2onnx')}"))
            _check_twin(bundle, made[-1], faces, ONNX_TOLERANCE[bundle.precision])
    return sorted(made, key=lambda bundle: bundle.path.name)


def _input_type(bundle: ModelBundle) -> str:
    return inspect(bundle.path).inputs[0].dtype


def _made(source: ModelBundle, name: str, data: bytes, converter: str) -> ModelBundle:
    """Write a file made from a bundle's, with its sidecar; the source's scores are not its own."""
    path = source.path.with_name(name)
    path.write_bytes(data)
    origin = {**source.source, "made_from": sha256_of(source.path), "converter": converter}
    bundle = replace(source, path=path, source=origin, metrics=())
    bundle.write_sidecar()
    return bundle


def _to_onnx(path: Path) -> bytes:
    """Return a .tflite file's network as .onnx; an int8 one keeps its scales, as QDQ pairs."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, at import
    import warnings

    with captured_native_log(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx calls deprecated parts of TensorFlow and NumPy
        import tf2onnx

        made, _ = tf2onnx.convert.from_tflite(str(path), opset=OPSET)
    _part(made.graph)
    return bytes(made.SerializeToString())


def _part(graph: Any) -> None:
    """Give every user of a constant its own: ONNX Runtime cannot make shared ones exact.

    See `fer_sdk.runtimes.onnx.exact_int8_sums`; it stops at the second one that it would replace.
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


def _check_twin(
    source: ModelBundle, made: ModelBundle, faces: NDArray[np.uint8], tolerance: float
) -> None:
    """Hold a made file to its source's predictions."""
    wanted, given = _predictions(source, faces), _predictions(made, faces)
    difference = float(np.abs(wanted - given).max())
    agree = float((wanted.argmax(axis=1) == given.argmax(axis=1)).mean())
    if not difference <= tolerance or agree < 0.98:
        raise ParityError(
            f"{made.path.name} must answer as {source.path.name} on {len(faces)} drawn faces, but "
            f"a probability differs by {difference:.2g} (allowed {tolerance:g}) and labels agree "
            f"on {agree:.1%}"
        )
