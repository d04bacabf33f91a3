"""Exceptions of the SDK.

::

    FerError                                  base class of all
    ├── InputError (also ValueError)          an image, file, argument or option is invalid
    ├── OutputError                           a file cannot be written: no space or no permission
    ├── BundleError                           a model or its sidecar is damaged or invalid
    ├── StreamError                           a video or camera ended early
    ├── RuntimeFailure                        the runtime cannot load or run the model
    │   └── NoAdapterError                    delegate "gpu" without a GPU
    └── MissingDependencyError (ImportError)  an optional package is not installed

The tools add `fer_train.errors.TrainingError` and `fer_convert.parity.ParityError`, subclasses of
`FerError`. A command prints any of them as one line and exits with its `exit_code`: 3 for
`NoAdapterError`, else 1.
"""

from typing import ClassVar


class FerError(Exception):
    """Base class of the errors that the SDK and its tools raise."""

    exit_code: ClassVar[int] = 1
    """Exit code of a command that ends with this error."""


class InputError(FerError, ValueError):
    """An image, file, argument or option is invalid."""


class OutputError(FerError):
    """A file or folder cannot be written: no space left, no permission, or an invalid path."""


class BundleError(FerError):
    """A model file or its sidecar is damaged or incomplete, or they do not belong together."""


class StreamError(FerError):
    """A video or camera ended early; the frames before are valid."""


class RuntimeFailure(FerError):  # noqa: N818 - "RuntimeError" is taken by Python
    """An inference runtime could not load or run a valid model file."""


class NoAdapterError(RuntimeFailure):
    """No GPU was found for delegate "gpu"; there is no fallback to the CPU."""

    exit_code: ClassVar[int] = 3


class MissingDependencyError(FerError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str, *, install: str = "") -> None:
        """Name the extra that installs the package.

        Args:
            package: Import name of the missing package, such as "onnxruntime".
            extra: Extra of fer-sdk that installs it, such as "onnx".
            purpose: What needs it, such as "running .onnx models".
            install: What pip must install; "" for the extra.
        """
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed: "
            f"pip install {install or repr(f'fer-sdk[{extra}]')}"
        )


def shown(value: object, most: int = 80) -> str:
    """Return a value for an error message: one line of at most `most` characters.

    A value may hold a whole file, such as a data URI or a line of a CSV file.
    """
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most - 3]}..."


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or its repr if it has none."""
    return (str(error).strip() or repr(error)).splitlines()[0]
