"""The models and face detectors that ship with the package."""

from pathlib import Path
from typing import Final

from fer_sdk._internal.files import is_file
from fer_sdk.bundles.sidecar import sidecar_of
from fer_sdk.errors import InputError, shown

MODELS_FOLDER: Final = Path(__file__).parents[1] / "models"
DEFAULT_NAME: Final = "small"
DEFAULT_MODEL: Final = f"{DEFAULT_NAME}-int8"
DEFAULT_TRAINED: Final = MODELS_FOLDER / f"{DEFAULT_NAME}.keras"
"""Keras model that the default model was converted from, an input of `fer-convert`."""

DETECTORS_FOLDER: Final = Path(__file__).parents[1] / "data"
DEFAULT_DETECTOR: Final = "yunet-float32"


def shipped_models() -> dict[str, Path]:
    """Return the paths of the shipped .tflite and .onnx models by name."""
    paths = [p for p in sorted(MODELS_FOLDER.iterdir()) if p.suffix in (".tflite", ".onnx")]
    return {path.stem: path for path in paths}


def shipped_int8() -> list[Path]:
    """Return the paths of the shipped int8 models, the smallest file first."""
    paths = [path for name, path in shipped_models().items() if name.endswith("-int8")]
    return sorted(paths, key=lambda path: (path.stat().st_size, path.name))


def find_model(model: str | Path) -> Path:
    """Return the path of a shipped model or of a model file.

    Args:
        model: Name of a shipped model, or path of a model file.

    Raises:
        InputError: If `model` is neither a shipped model's name nor an existing file.
    """
    return _find(model, shipped_models(), "model", "a .tflite or .onnx file")


def model_files(model: str | Path) -> tuple[Path, Path]:
    """Return the paths of a model file and its sidecar; raises as `find_model`."""
    path = find_model(model)
    return path, sidecar_of(path)


def shipped_detectors() -> dict[str, Path]:
    """Return the paths of the shipped face detectors by name."""
    return {path.stem: path for path in sorted(DETECTORS_FOLDER.glob("yunet-*.tflite"))}


def find_detector(model: str | Path) -> Path:
    """Return the path of a shipped face detector or of a model file.

    Args:
        model: Name of a shipped detector, or path of a .tflite file.

    Raises:
        InputError: If `model` is neither a shipped detector's name nor an existing file.
    """
    return _find(model, shipped_detectors(), "face detector", "a .tflite file")


def _find(model: str | Path, shipped: dict[str, Path], kind: str, files: str) -> Path:
    if str(model) in shipped:
        return shipped[str(model)]
    path = Path(model)
    if not is_file(path):
        raise InputError(f"no {kind} {shown(model)}: give {files} or one of {', '.join(shipped)}")
    return path
