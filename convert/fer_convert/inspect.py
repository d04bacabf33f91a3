"""Inspection of a model file: content, sidecar, runtimes that load it, compatibility."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fer_convert.compatibility import onnx_compatibility, tflite_compatibility
from fer_convert.foreign import channels_of, check_kind, missing_of
from fer_sdk._internal.files import sha256_of
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.inspect import Contents, inspect
from fer_sdk.bundles.validation import read_model
from fer_sdk.errors import BundleError, FerError
from fer_sdk.preprocess import RAW_GREY, PixelFormat
from fer_sdk.runtimes import RUNTIMES, open_session


@dataclass(frozen=True, slots=True)
class Inspection:
    """Result of inspecting a model file without running it on faces.

    Attributes:
        path: Path of the file.
        size_bytes: File size.
        sha256: Hash of the file.
        sidecar: "matches the file", or the error.
        missing: What the file lacks to be used by the SDK; empty if nothing.
        runtimes: Load result of each SDK runtime for this file type: "loads" or the error.
        compatibility: Delegates, oldest runtime and opset by name.
        contents: Inputs, outputs, tensors and operators.
    """

    path: str
    size_bytes: int
    sha256: str
    sidecar: str
    missing: tuple[str, ...]
    runtimes: dict[str, str]
    compatibility: dict[str, str]
    contents: Contents

    def as_json(self) -> str:
        """Return the inspection as one JSON object."""
        return json.dumps({"schema": 1, **asdict(self)}, indent=1)

    def as_text(self) -> str:
        """Return the inspection as lines of text."""
        found = self.contents
        lines = [f"{self.path}: {self.size_bytes:,} bytes, sha256 {self.sha256}"]
        for kind, ports in (("input", found.inputs), ("output", found.outputs)):
            lines += [f"{kind:<14}{port.name}: {port.numbers} {port.shape}" for port in ports]
        lines += [
            f"cost          {found.parameters:,} parameters, "
            f"{found.multiply_accumulates / 1e6:.2f} million multiply-accumulates",
            "tensors       " + ", ".join(f"{n} {name}" for name, n in found.tensors.items()),
            "operators     " + ", ".join(f"{n} {name}" for name, n in found.operators.items()),
            f"sidecar       {self.sidecar}",
            *(f"missing       {line}" for line in self.missing),
        ]
        checks = {**self.compatibility, **self.runtimes}
        lines += [f"{name:<14}{result}" for name, result in checks.items()]
        return "\n".join(lines)


def inspect_file(path: Path) -> Inspection:
    """Inspect a file and load it in every installed runtime.

    Args:
        path: A .tflite or .onnx file, with or without a sidecar.

    Raises:
        InputError: If the file has another suffix or cannot be read.
        MissingDependencyError: If the file is .onnx and the package onnx is not installed.
    """
    check_kind(path)
    with captured_native_log():
        contents = inspect(path)
    pixels = PixelFormat("rgb" if channels_of(contents.inputs[0]) == 3 else "grey")
    sidecar = structure = ""
    try:
        pixels = ModelBundle.load(path).input.pixels
    except BundleError as error:
        sidecar = str(error)
    try:
        read_model(path)
    except BundleError as error:
        structure = str(error)
    return Inspection(
        path=str(path),
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
        sidecar=sidecar or "matches the file",
        missing=missing_of(path, contents, structure, sidecar),
        runtimes=try_runtimes(path, pixels),
        compatibility=_COMPATIBILITY[path.suffix](path),
        contents=contents,
    )


_COMPATIBILITY: Final = {".tflite": tflite_compatibility, ".onnx": onnx_compatibility}


def try_runtimes(path: Path, pixels: PixelFormat = RAW_GREY) -> dict[str, str]:
    """Load a file in each SDK runtime for its suffix.

    Args:
        path: A .tflite or .onnx file.
        pixels: Channels and numbers that it takes.

    Returns:
        "loads" or the error, by runtime.
    """
    found = {
        name: _try_runtime(path, name, "cpu", pixels)
        for name, (suffix, _) in RUNTIMES.items()
        if suffix == path.suffix
    }
    if path.suffix == ".tflite":
        found["litert (gpu)"] = _try_runtime(path, "litert", "gpu", pixels)
    return found


def _try_runtime(path: Path, runtime: str, delegate: str, pixels: PixelFormat) -> str:
    try:
        if delegate == "gpu":  # captures the native log itself
            open_session(path, runtime=runtime, delegate=delegate, pixels=pixels).close()
        else:
            with captured_native_log():
                open_session(path, runtime=runtime, pixels=pixels).close()
    except FerError as error:
        return str(error)
    return "loads"
