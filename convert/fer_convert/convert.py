"""The conversion pipeline: load the model, convert it, check parity, write the bundles."""

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import keras

from fer_convert import onnx_recipes, recipes
from fer_convert.calibration import Calibration
from fer_convert.conversion_data import ConversionData
from fer_convert.export import check_ports, for_conversion, load_trained
from fer_convert.gate import ConvertedFile, ParityGate
from fer_convert.keep_float import fewest_layers, numbered_layers
from fer_convert.quantize import Layer
from fer_convert.settings import INT8, Settings, Target, bundle_name, command_line
from fer_convert.stage_timer import StageTimer
from fer_sdk._internal.files import sha256_of
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError

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


def convert(
    model: Path,
    targets: Sequence[Target],
    out: Path,
    conversion_data: ConversionData,
    settings: Settings | None = None,
    timer: StageTimer | None = None,
) -> list[ConvertedFile]:
    """Convert a trained model to bundles; if one fails the parity gate, none is written.

    Args:
        model: A `.keras` file with its sidecar.
        targets: Keys of `UNCALIBRATED` or `CALIBRATED`.
        out: Folder of the bundles, which are named by `bundle_name`.
        conversion_data: Parity faces and calibration.
        settings: Options of the conversion; None for the defaults.
        timer: Records the duration of each stage.

    Raises:
        BundleError: If the model or its sidecar is damaged.
        ParityError: If a file deviates from the float model by more than allowed.
        InputError: If `out` cannot be written or there are too few faces.
    """
    settings, timer = settings or Settings(), timer or StageTimer()
    with timer.stage("load"):
        source = ModelBundle.load(model)
        trained = load_trained(model)
        check_ports(trained, source)
        ready = for_conversion(trained, settings.batch)
    with timer.stage("run the float model"):
        faces = conversion_data.parity_faces
        gate = ParityGate.of_float_model(trained, source, faces, settings)
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out, prefix=".fer-convert-") as temporary:
            folder = Path(temporary)
            converted = []
            for target in targets:
                name = bundle_name(model, target, settings)
                with timer.stage(f"convert {name}"):
                    bundle, kept = _write(source, ready, target, folder, conversion_data, settings)
                with timer.stage(f"check {name}"):
                    passed = gate.check(bundle, target, kept)
                converted.append(
                    replace(
                        passed,
                        convert_s=timer.seconds[f"convert {name}"],
                        check_s=timer.seconds[f"check {name}"],
                    )
                )
            return [replace(passed, path=_move(passed.path, out)) for passed in converted]
    except OSError as error:
        raise InputError(f"cannot write into {out}: {error.strerror or error}") from error
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # the folder holds bundles, or was not created
                out.rmdir()


def _write(
    source: ModelBundle,
    ready: keras.Model,
    target: Target,
    folder: Path,
    conversion_data: ConversionData,
    settings: Settings,
) -> tuple[ModelBundle, tuple[Layer, ...]]:
    """Write one converted file and its sidecar; return the bundle and the layers kept in float."""
    path = folder / bundle_name(source.path, target, settings)
    trained_by = [source.source["command"]] if "command" in source.source else []
    origin = {
        **source.source,
        "float_sha256": sha256_of(source.path),
        "converter": ", ".join(f"{name} {version(name)}" for name in CONVERTERS[target[1]]),
        "command": " && ".join([*trained_by, command_line(source.path, target, settings)]),
    }
    kept: tuple[Layer, ...] = ()
    if target in CALIBRATED:
        calibration = conversion_data.require_calibration()
        origin["calibration"] = calibration.description
        options = {}
        if target == INT8:
            kept = _layers_to_keep(ready, source, calibration, conversion_data, settings)
            options = {"io": settings.io, "keep": [layer.name for layer in kept]}
        if kept:
            origin["kept_float"] = ", ".join(f"{x.number} {x.short_name}" for x in kept)
        path.write_bytes(CALIBRATED[target](ready, calibration, **options))
    else:
        path.write_bytes(UNCALIBRATED[target](ready))
    bundle = replace(source, path=path, precision=target[0], source=origin, metrics=())
    bundle.write_sidecar()
    return bundle, kept


def _layers_to_keep(
    ready: keras.Model,
    source: ModelBundle,
    calibration: Calibration,
    conversion_data: ConversionData,
    settings: Settings,
) -> tuple[Layer, ...]:
    if not settings.keep_float:
        return ()
    calibrated = recipes.calibrated(ready, calibration)
    if settings.keep_float == "auto":
        return fewest_layers(calibrated, source, conversion_data.dataset, settings.max_drop)
    return numbered_layers(calibrated, settings.keep_float)


def _move(path: Path, out: Path) -> Path:
    """Move a bundle into `out`, the sidecar first, so that a model always has its sidecar."""
    for name in (f"{path.name}.json", path.name):
        path.with_name(name).replace(out / name)
    return out / path.name
