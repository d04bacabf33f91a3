"""The models inside the package."""

from pathlib import Path
from typing import Final

from fer_sdk.errors import InputError

MODELS_FOLDER: Final = Path(__file__).parents[1] / "models"
DEFAULT_NAME: Final = "small"
DEFAULT_MODEL: Final = f"{DEFAULT_NAME}-int8"
DEFAULT_TRAINED: Final = MODELS_FOLDER / f"{DEFAULT_NAME}.keras"
"""What the default model was converted from, for `fer-convert`."""


def shipped_models() -> dict[str, Path]:
    """Return name and path of every model that runs without a training stack."""
    paths = [p for p in sorted(MODELS_FOLDER.iterdir()) if p.suffix in (".tflite", ".onnx")]
    return {path.stem: path for path in paths}


def find_model(model: str | Path) -> Path:
    """Return the path of a shipped model by name, or the path that was given.

    Raises:
        InputError: If `model` is neither a shipped model's name nor an existing file.
    """
    shipped = shipped_models()
    if str(model) in shipped:
        return shipped[str(model)]
    path = Path(model)
    if not path.is_file():
        raise InputError(
            f"no model {model}: give a .tflite or .onnx file or one of {', '.join(shipped)}"
        )
    return path
