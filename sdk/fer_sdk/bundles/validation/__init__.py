"""Validation of model files before they are passed to a runtime.

The runtimes are C++ libraries with few checks: a malicious file can crash the process or allocate
gigabytes. The structure is therefore validated in Python against the published schemas.
"""

from pathlib import Path
from typing import Final

from fer_sdk.bundles.validation.malformed import MalformedError
from fer_sdk.errors import BundleError

MAX_BYTES: Final = 512 << 20
"""Largest model file."""


def read_model(path: Path) -> bytes:
    """Read a model file and validate its structure.

    Args:
        path: .tflite or .onnx file.

    Returns:
        The file's content, safe to pass to a runtime.

    Raises:
        BundleError: If the file cannot be read, is larger than 512 MB, is not well-formed, or
            contains operators that image classifiers do not use.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BundleError(f"{path} must be a model of at most {MAX_BYTES >> 20} MB")
        data = path.read_bytes()
    except OSError as error:
        raise BundleError(f"cannot read {path}: {error.strerror}") from error
    try:
        _check(path.suffix, data)
    except MalformedError as error:
        raise BundleError(
            f"{path} is not a well-formed expression model: {error}; export or download it again"
        ) from error
    return data


def _check(suffix: str, data: bytes) -> None:
    if suffix == ".onnx":  # imported on demand to shorten the startup
        from fer_sdk.bundles.validation import onnx

        onnx.check(data)
    else:
        from fer_sdk.bundles.validation import tflite

        tflite.check(data)
