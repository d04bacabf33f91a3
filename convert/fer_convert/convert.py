"""One conversion from start to end: export, quantise, prove, then put in place."""

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import keras
import numpy as np
from numpy.typing import NDArray

from fer_convert import onnx_recipes, recipes
from fer_convert.calibration import calibration_faces
from fer_convert.export import for_conversion, load_trained
from fer_convert.gate import gate_faces
from fer_convert.parity import (
    Parity,
    check,
    check_extremes,
    check_stated_accuracy,
    compare,
)
from fer_sdk.bundle import ModelBundle, Precision
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import InputError
from fer_sdk.fer2013 import Fer2013
from fer_sdk.files import sha256_of
from fer_sdk.inspect import inspect
from fer_sdk.native_log import caught_native_log
from fer_sdk.softmax import softmax

Target = tuple[Precision, str]
"""A precision and a file's suffix, ".tflite" or ".onnx"."""

UNCALIBRATED: Final[dict[Target, Callable[[keras.Model], bytes]]] = {
    ("float32", ".tflite"): recipes.float32,
    ("float16", ".tflite"): recipes.float16,
    ("dynamic", ".tflite"): recipes.int8_dynamic,
    ("float32", ".onnx"): onnx_recipes.float32,
    ("float16", ".onnx"): onnx_recipes.float16,
}
CALIBRATED: Final[dict[Target, Callable[[keras.Model, NDArray[np.uint8]], bytes]]] = {
    ("int8", ".tflite"): recipes.int8_full,
    ("int16x8", ".tflite"): recipes.int16x8,
    ("int8", ".onnx"): onnx_recipes.int8,
}
CONVERTERS: Final = {".tflite": ("tensorflow",), ".onnx": ("tf2onnx", "onnx", "onnxruntime")}
Say = Callable[[str], None]
"""Told in a few words what is being done."""


def convert(
    model: Path,
    targets: Sequence[Target],
    out: Path,
    data: Fer2013,
    *,
    calibration_samples: int = 504,
    max_drop: float = 0.5,
    say: Say = lambda stage: None,
) -> list[tuple[Path, Parity]]:
    """Convert a trained model to bundles, each proven on real faces or none written.

    Args:
        model: A `.keras` file with its sidecar.
        targets: What to convert to, keys of `UNCALIBRATED` or `CALIBRATED`.
        out: Folder of the bundles, named `<model>-<precision><suffix>`.
        data: FER2013: Training to calibrate, PublicTest to prove.
        calibration_samples: Training faces that calibrate int8.
        max_drop: Largest loss of accuracy against the float model, in points of 100.
        say: Told about each stage.

    Returns:
        Path and measured parity of each bundle.

    Raises:
        BundleError: If the model or its sidecar is damaged.
        ParityError: If a file does not do what the float model does; no file is left then.
        InputError: If `out` cannot be written or there are too few faces.
    """
    say("load")
    source = ModelBundle.load(model)
    trained = load_trained(model)
    faces, truth = gate_faces(data)
    reference = softmax(trained.predict(_pixels(faces), verbose=0), source.temperature)
    check_stated_accuracy(source, reference, truth)
    ready = for_conversion(trained)
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".fer-convert-") as folder:
            proven = []
            for target in targets:
                name = bundle_name(model, target)
                say(f"convert {name}")
                bundle = _write(source, ready, target, Path(folder), data, calibration_samples)
                say(f"check {name}")
                with caught_native_log():
                    classifier = ExpressionClassifier.load(bundle.path)
                with classifier:
                    converted = classifier.probabilities(faces)
                    check_extremes(classifier)
                parity = compare(reference, converted, truth, inspect(bundle.path))
                check(parity, target, max_drop=max_drop)
                replace(bundle, metrics=(_metrics(parity),)).write_sidecar()
                proven.append((bundle.path, parity))
            return [(_put(path, out), parity) for path, parity in proven]
    except OSError as error:
        raise InputError(f"cannot write into {out}: {error.strerror or error}") from error
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it holds bundles, or was never made
                out.rmdir()


def bundle_name(model: Path, target: Target) -> str:
    """Return the file name of a model converted to a target."""
    return f"{model.stem}-{target[0]}{target[1]}"


def _write(
    source: ModelBundle,
    ready: keras.Model,
    target: Target,
    folder: Path,
    data: Fer2013,
    calibration_samples: int,
) -> ModelBundle:
    """Write one converted file and its sidecar into `folder`."""
    path = folder / bundle_name(source.path, target)
    origin = {
        **source.source,
        "float_sha256": sha256_of(source.path),
        "converter": ", ".join(f"{name} {version(name)}" for name in CONVERTERS[target[1]]),
    }
    if target in CALIBRATED:
        faces = calibration_faces(data, calibration_samples)
        origin["calibration"] = f"{len(faces)} faces of FER2013 Training, seed 0"
        path.write_bytes(CALIBRATED[target](ready, faces))
    else:
        path.write_bytes(UNCALIBRATED[target](ready))
    bundle = replace(source, path=path, precision=target[0], source=origin, metrics=())
    bundle.write_sidecar()
    return bundle


def _metrics(parity: Parity) -> dict[str, str | int | float]:
    """Return what the gate measured, for the sidecar."""
    return {
        "data": "FER2013",
        "split": "PublicTest, clean, the conversion gate's faces",
        "n": parity.faces,
        "accuracy": round(parity.accuracy, 4),
        "float_accuracy": round(parity.float_accuracy, 4),
        "label_agreement": round(parity.agreement, 4),
    }


def _put(path: Path, out: Path) -> Path:
    """Move a proven bundle to its final name, the sidecar first: a model is never without one."""
    for name in (f"{path.name}.json", path.name):
        path.with_name(name).replace(out / name)
    return out / path.name


def _pixels(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    return faces[..., None].astype(np.float32)
