"""Conversion targets and settings, and the file name and command that follow from them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from fer_sdk.bundles.bundle import Precision

Target = tuple[Precision, str]
"""A precision and a file suffix, ".tflite" or ".onnx"."""

INT8: Final[Target] = ("int8", ".tflite")

Io = Literal["float", "uint8", "int8"]
"""Input and output type of an int8 .tflite file.

"float": float32 input and output; "uint8": uint8 input, int8 output; "int8": int8 input and output.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of a conversion.

    Attributes:
        io: Input and output type of the int8 .tflite file.
        batch: Faces per call, fixed in the file.
        keep_float: Numbers of the layers that stay in float32 in the int8 .tflite file, as listed
            by `fer-convert debug`; "auto" selects the fewest layers that meet `max_drop`.
        max_drop: Largest allowed loss of accuracy against the float model, in percentage points.
    """

    io: Io = "uint8"
    batch: int = 1
    keep_float: tuple[int, ...] | Literal["auto"] = ()
    max_drop: float = 0.5


def bundle_name(model: Path, target: Target, settings: Settings) -> str:
    """Return the file name of a converted model; default settings add nothing to the name."""
    io = f"-{settings.io}-io" if target == INT8 and settings.io != "uint8" else ""
    mixed = "-mixed" if target == INT8 and settings.keep_float else ""
    batch = f"-batch{settings.batch}" if settings.batch > 1 else ""
    return f"{model.stem}-{target[0]}{mixed}{io}{batch}{target[1]}"


def command_line(model: Path, target: Target, settings: Settings) -> str:
    """Return the `fer-convert` command that writes this one file, as recorded in its sidecar."""
    arguments = ["fer-convert", model.name, f"--{target[0]}"]
    if target[1] == ".onnx":
        arguments.append("--onnx")
    if target == INT8 and settings.io != "uint8":
        arguments += ["--io", settings.io]
    if target == INT8 and settings.keep_float:
        layers = settings.keep_float
        arguments += ["--keep-float", layers if layers == "auto" else ",".join(map(str, layers))]
    if settings.batch > 1:
        arguments += ["--batch", str(settings.batch)]
    return " ".join([*arguments, f"--max-drop {settings.max_drop:g}"])
