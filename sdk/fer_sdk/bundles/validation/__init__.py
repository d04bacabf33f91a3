"""What a model file must be before a runtime may see it.

The runtimes are C++ and trust much of what they read: a file made for it can crash the process or
ask for gigabytes. So its structure is checked first, in Python, by the formats' published schemas.
"""

from pathlib import Path
from typing import Final

from fer_sdk.bundles.validation.malformed import MalformedError
from fer_sdk.errors import BundleError

MAX_BYTES: Final = 512 << 20
"""Largest model file."""


def read_model(path: Path) -> bytes:
    """Read a model file and check its structure.

    Args:
        path: .tflite or .onnx file.

    Returns:
        The file's content, safe to hand to a runtime.

    Raises:
        BundleError: If the file cannot be read, is over 512 MB, or is not a well-formed model made
            of the operators that image classifiers use.
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
            f"{path} is no well-formed expression model: {error}; export or download it again"
        ) from error
    return data


def _check(suffix: str, data: bytes) -> None:
    if suffix == ".onnx":  # each check is imported when it is needed: a cold start counts
        from fer_sdk.bundles.validation import onnx

        onnx.check(data)
    else:
        from fer_sdk.bundles.validation import tflite

        tflite.check(data)
