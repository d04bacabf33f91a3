"""One conversion from start to end: export, quantise, prove, then put in place."""

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

import keras
import numpy as np
from numpy.typing import NDArray

from fer_convert import onnx_recipes, recipes
from fer_convert.calibration import Calibration
from fer_convert.conversion_data import Evidence
from fer_convert.export import check_ports, for_conversion, load_trained
from fer_convert.inspect import try_runtimes
from fer_convert.keep_float import fewest_layers, named_layers
from fer_convert.parity import (
    INPUTS,
    Parity,
    check,
    check_extremes,
    check_stated_accuracy,
    compare,
    outputs_of,
)
from fer_convert.parity_faces import GateFaces
from fer_convert.quantize import Layer
from fer_convert.recipes import Io
from fer_sdk._internal.files import sha256_of
from fer_sdk._internal.native_log import caught_native_log
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle, Precision
from fer_sdk.bundles.inspect import inspect
from fer_sdk.bundles.registry import shipped_models
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import InputError

Target = tuple[Precision, str]
"""A precision and a file's suffix, ".tflite" or ".onnx"."""

INT8: Final[Target] = ("int8", ".tflite")

UNCALIBRATED: Final[dict[Target, Callable[[keras.Model], bytes]]] = {
    ("float32", ".tflite"): recipes.float32,
    ("float16", ".tflite"): recipes.float16,
    ("dynamic", ".tflite"): recipes.int8_dynamic,
    ("float32", ".onnx"): onnx_recipes.float32,
    ("float16", ".onnx"): onnx_recipes.float16,
}
CALIBRATED: Final[dict[Target, Callable[..., bytes]]] = {
    INT8: recipes.int8_full,
    ("int16x8", ".tflite"): recipes.int16x8,
    ("int8", ".onnx"): onnx_recipes.int8,
}
CONVERTERS: Final = {".tflite": ("tensorflow",), ".onnx": ("tf2onnx", "onnx", "onnxruntime")}


@dataclass(frozen=True, slots=True)
class Settings:
    """How to convert.

    Attributes:
        io: What the int8 .tflite file takes and gives.
        batch: Faces a call.
        keep_float: Numbers of layers that stay in float32 in the int8 .tflite file, as
            `fer-convert debug` lists them; "auto" for the fewest that meet `max_drop`.
        max_drop: Largest loss of accuracy against the float model, in points of 100.
    """

    io: Io = "uint8"
    batch: int = 1
    keep_float: tuple[int, ...] | Literal["auto"] = ()
    max_drop: float = 0.5


@dataclass(frozen=True, slots=True)
class Proven:
    """A bundle that passed the gate.

    Attributes:
        path: The file.
        target: What it was converted to.
        parity: What the gate measured.
        differences: Largest difference of a probability on each face (n,).
        runtimes: What each of the SDK's runtimes for such files says of it.
        kept: Layers that stayed in float32.
        shipped: Name of the shipped bundle that has the same bytes; empty if none has.
        convert_s: Seconds that the conversion took.
        check_s: Seconds that the gate took.
    """

    path: Path
    target: Target
    parity: Parity
    differences: NDArray[np.float64]
    runtimes: dict[str, str]
    kept: tuple[Layer, ...]
    shipped: str
    convert_s: float
    check_s: float


class Stages:
    """Names the stage that begins, and keeps the seconds of each."""

    def __init__(self, say: Callable[[str], None] = lambda stage: None) -> None:
        """Take who is told in a few words what is being done."""
        self.seconds: dict[str, float] = {}
        self._say = say

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a block."""
        self._say(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start


def convert(
    model: Path,
    targets: Sequence[Target],
    out: Path,
    evidence: Evidence,
    settings: Settings = Settings(),
    stages: Stages | None = None,
) -> list[Proven]:
    """Convert a trained model to bundles, each proven on faces or none written.

    Args:
        model: A `.keras` file with its sidecar.
        targets: What to convert to, keys of `UNCALIBRATED` or `CALIBRATED`.
        out: Folder of the bundles, named by `bundle_name`.
        evidence: Faces to prove on, and what gives int8 its ranges.
        settings: How to convert.
        stages: Times the stages.

    Raises:
        BundleError: If the model or its sidecar is damaged.
        ParityError: If a file does not do what the float model does; no file is left then.
        InputError: If `out` cannot be written or there are too few faces.
    """
    stages = stages or Stages()
    with stages.stage("load"):
        source = ModelBundle.load(model)
        trained = load_trained(model)
        check_ports(trained, source)
        ready = for_conversion(trained, settings.batch)
    with stages.stage("run the float model"):
        gate = evidence.gate
        reference = softmax(trained.predict(_pixels(gate.faces), verbose=0), source.temperature)
        truth = outputs_of(gate.truth, source)
        if truth is not None:
            reached = float((reference.argmax(axis=1) == truth).mean())
            check_stated_accuracy(source, gate, reached)
    prover = _Prover(source, evidence, settings, reference, truth)
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".fer-convert-") as folder:
            proven = []
            for target in targets:
                name = bundle_name(model, target, settings)
                with stages.stage(f"convert {name}"):
                    bundle, kept = _write(source, ready, target, Path(folder), evidence, settings)
                with stages.stage(f"check {name}"):
                    found = prover.prove(bundle, target, kept)
                proven.append(
                    replace(
                        found,
                        convert_s=stages.seconds[f"convert {name}"],
                        check_s=stages.seconds[f"check {name}"],
                    )
                )
            return [replace(found, path=_put(found.path, out)) for found in proven]
    except OSError as error:
        raise InputError(f"cannot write into {out}: {error.strerror or error}") from error
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it holds bundles, or was never made
                out.rmdir()


def bundle_name(model: Path, target: Target, settings: Settings) -> str:
    """Return the file name of a model converted to a target; plain for plain settings."""
    io = f"-{settings.io}-io" if target == INT8 and settings.io != "uint8" else ""
    mixed = "-mixed" if target == INT8 and settings.keep_float else ""
    batch = f"-batch{settings.batch}" if settings.batch > 1 else ""
    return f"{model.stem}-{target[0]}{mixed}{io}{batch}{target[1]}"


@dataclass(frozen=True, slots=True)
class _Prover:
    """The gate for one float model."""

    source: ModelBundle
    evidence: Evidence
    settings: Settings
    reference: NDArray[np.float64]
    truth: NDArray[np.intp] | None

    def prove(self, bundle: ModelBundle, target: Target, kept: tuple[Layer, ...]) -> Proven:
        """Compare a converted file with the float model; write what was measured beside it."""
        with caught_native_log():
            classifier = ExpressionClassifier.load(bundle.path)
        with classifier:
            converted = classifier.probabilities(self.evidence.gate.faces)
            check_extremes(classifier)
        parity = compare(self.reference, converted, self.truth, inspect(bundle.path))
        check(
            parity,
            target,
            max_drop=self.settings.max_drop,
            agreement=self.evidence.gate.agreement,
            input=INPUTS[self.settings.io] if target == INT8 else "",
            kept=len(kept),
        )
        shipped = _same_as_shipped(bundle.path)
        metrics = [_metrics(parity, self.evidence.gate)]
        if self.truth is None and shipped:
            metrics = [*ModelBundle.load(shipped_models()[shipped]).metrics, *metrics]
        replace(bundle, metrics=tuple(metrics)).write_sidecar()
        return Proven(
            path=bundle.path,
            target=target,
            parity=parity,
            differences=np.abs(self.reference - converted).max(axis=1),
            runtimes=try_runtimes(bundle.path),
            kept=kept,
            shipped=shipped,
            convert_s=0.0,
            check_s=0.0,
        )


def _write(
    source: ModelBundle,
    ready: keras.Model,
    target: Target,
    folder: Path,
    evidence: Evidence,
    settings: Settings,
) -> tuple[ModelBundle, tuple[Layer, ...]]:
    """Write one converted file and its sidecar into `folder`; returns the layers left in float."""
    path = folder / bundle_name(source.path, target, settings)
    origin = {
        **source.source,
        "float_sha256": sha256_of(source.path),
        "converter": ", ".join(f"{name} {version(name)}" for name in CONVERTERS[target[1]]),
        "command": " && ".join([*_trained_by(source), _command(source.path, target, settings)]),
    }
    kept: tuple[Layer, ...] = ()
    if target in CALIBRATED:
        calibration = evidence.ranges_source()
        origin["calibration"] = calibration.words
        options = {}
        if target == INT8:
            kept = _kept_layers(ready, source, calibration, evidence, settings)
            options = {"io": settings.io, "keep": [layer.name for layer in kept]}
        if kept:
            origin["kept_float"] = ", ".join(f"{x.number} {x.short_name}" for x in kept)
        path.write_bytes(CALIBRATED[target](ready, calibration, **options))
    else:
        path.write_bytes(UNCALIBRATED[target](ready))
    bundle = replace(source, path=path, precision=target[0], source=origin, metrics=())
    bundle.write_sidecar()
    return bundle, kept


def _trained_by(source: ModelBundle) -> list[str]:
    """Return the commands that made the float model, as far as its sidecar tells."""
    return [source.source["command"]] if "command" in source.source else []


def _command(model: Path, target: Target, settings: Settings) -> str:
    """Return the command that makes this one file, for the sidecar."""
    words = ["fer-convert", model.name, f"--{target[0]}"]
    if target[1] == ".onnx":
        words.append("--onnx")
    if target == INT8 and settings.io != "uint8":
        words += ["--io", settings.io]
    if target == INT8 and settings.keep_float:
        layers = settings.keep_float
        words += ["--keep-float", layers if layers == "auto" else ",".join(map(str, layers))]
    if settings.batch > 1:
        words += ["--batch", str(settings.batch)]
    return " ".join([*words, f"--max-drop {settings.max_drop:g}"])


def _kept_layers(
    ready: keras.Model,
    source: ModelBundle,
    calibration: Calibration,
    evidence: Evidence,
    settings: Settings,
) -> tuple[Layer, ...]:
    if not settings.keep_float:
        return ()
    calibrated = recipes.calibrated(ready, calibration)
    if settings.keep_float == "auto":
        return fewest_layers(calibrated, source, evidence.data, settings.max_drop)
    return named_layers(calibrated, settings.keep_float)


def _metrics(parity: Parity, gate: GateFaces) -> dict[str, str | int | float]:
    """Return what the gate measured, for the sidecar."""
    found: dict[str, str | int | float] = {
        "data": gate.labelled_by or gate.words,
        "split": "PublicTest, clean, the conversion gate's faces",
        "n": parity.faces,
    }
    if parity.accuracy is None or parity.float_accuracy is None:
        found["split"] = "without labels"
    else:
        found["accuracy"] = round(parity.accuracy, 4)
        found["float_accuracy"] = round(parity.float_accuracy, 4)
    return found | {"label_agreement": round(parity.agreement, 4)}


def _same_as_shipped(path: Path) -> str:
    """Return the name of the shipped model with the same bytes, or nothing."""
    digest = sha256_of(path)
    same = [name for name, other in shipped_models().items() if sha256_of(other) == digest]
    return same[0] if same else ""


def _put(path: Path, out: Path) -> Path:
    """Move a proven bundle to its final name, the sidecar first: a model is never without one."""
    for name in (f"{path.name}.json", path.name):
        path.with_name(name).replace(out / name)
    return out / path.name


def _pixels(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.asarray(faces[..., None], np.float32)
