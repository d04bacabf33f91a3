"""Model files of another origin: their kind, and what they lack to be used by the SDK."""

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from fer_sdk.bundles.inspect import Contents, Port
from fer_sdk.bundles.sidecar import sidecar_of
from fer_sdk.bundles.validation import onnx, tflite_operators
from fer_sdk.errors import InputError

_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_TYPES: Final = ("float32", "uint8", "int8")


def check_kind(path: Path) -> None:
    """Raise an error that names the kind of a model that is no .tflite or .onnx file.

    Raises:
        InputError: For Keras files, SavedModel folders and PyTorch files; states how to convert
            them. Other files are not judged.
    """
    tflite = path.with_suffix(".tflite").name
    loaded = f"keras.saving.load_model({str(path)!r}, compile=False)"
    converter = f"tf.lite.TFLiteConverter.from_keras_model({loaded})"
    kind = _kind(path)
    if kind == "PyTorch":
        raise InputError(
            f"{path} is a PyTorch file: convert it by torch.onnx.export in the program that "
            "defines the network, with a fixed input size"
        )
    if kind is None:
        return
    if kind == "SavedModel":
        converter = f"tf.lite.TFLiteConverter.from_saved_model({str(path)!r})"
    raise InputError(
        f"{path} is a {kind}: convert it in Python by import keras, tensorflow as tf; "
        f"open({tflite!r}, 'wb').write({converter}.convert())"
    )


def missing_of(path: Path, contents: Contents, structure: str, sidecar: str) -> tuple[str, ...]:
    """Return what a .tflite or .onnx file lacks to be used by the SDK; empty if nothing.

    Args:
        path: The file.
        contents: Its contents.
        structure: Error of the validation of its structure; empty if it is valid.
        sidecar: Error of its sidecar; empty if that matches the file.
    """
    missing = []
    other = _unsupported(path, contents)
    if other:
        missing.append(
            f"operators {', '.join(other)}, which image classifiers do not use: leave their layers "
            "out of the exported network"
        )
    elif structure:
        missing.append(structure)
    missing += _ports(contents.inputs, contents.outputs)
    if sidecar:
        missing.append(sidecar if sidecar_of(path).exists() else _adopt(path, contents))
    return tuple(missing)


def channels_of(port: Port) -> int | None:
    """Return the number of channels of an image input, 1 or 3; None if it is no image."""
    if len(port.shape) != 4:
        return None
    first, last = port.shape[1], port.shape[3]
    return next((n for n in (1, 3) if n in (first, last)), None)


def size_of(port: Port) -> tuple[int, int]:
    """Return the height and width of an image input; 0 where the file leaves them open."""
    first = port.shape[1] in (1, 3)
    height, width = port.shape[2:] if first else port.shape[1:3]
    return height, width


def _kind(path: Path) -> str | None:
    if path.is_dir():
        return "SavedModel" if (path / "saved_model.pb").is_file() else None
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if file.read(len(_HDF5)) == _HDF5:
            return "Keras HDF5 file"
    if not zipfile.is_zipfile(path):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.rpartition("/")[2] for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile):
        return None
    if "model.weights.h5" in names:
        return "Keras file"
    return "PyTorch" if "data.pkl" in names else None


def _unsupported(path: Path, contents: Contents) -> list[str]:
    """Return the names of the operators that the validation rejects, sorted."""
    allowed: Iterable[str]
    if path.suffix == ".onnx":
        allowed = onnx.OPERATORS | onnx.MICROSOFT_OPERATORS
    else:
        allowed = {operator.name for operator in tflite_operators.OPERATORS.values()}
    return sorted(set(contents.operators) - set(allowed))


def _ports(inputs: tuple[Port, ...], outputs: tuple[Port, ...]) -> list[str]:
    if len(inputs) != 1 or len(outputs) != 1:
        return [f"one input and one output, but there are {len(inputs)} and {len(outputs)}"]
    missing = []
    (entry,), (end,) = inputs, outputs
    if channels_of(entry) is None:
        missing.append(
            f"an input (batch, height, width, 1 or 3), in ONNX files also (batch, 1 or 3, height, "
            f"width), but it is {entry.shape}"
        )
    elif min(size_of(entry)) < 8:
        missing.append(f"a fixed height and width of 8 or more, but the input is {entry.shape}")
    if entry.dtype not in _TYPES or end.dtype not in _TYPES:
        missing.append(
            f"input and output of {', '.join(_TYPES)}, but they are {entry.dtype} and {end.dtype}"
        )
    if len(end.shape) != 2 or end.shape[1] < 2:
        missing.append(f"an output (batch, classes), but it is {end.shape}")
    return missing


def _adopt(path: Path, contents: Contents) -> str:
    classes = contents.outputs[0].shape[-1] if len(contents.outputs) == 1 else "all"
    return (
        f"a sidecar: fer-convert adopt {path.name} --labels NAMES --color COLOR --pixels RANGE "
        f"--license SPDX writes it, with {classes} names"
    )
