"""What the SDK raises.

::

    FerError                                  base of all: catch this one at the border
    ├── InputError (also ValueError)          an image, file or option is wrong: change it
    ├── BundleError                           a model or sidecar is wrong: export it again
    ├── StreamError                           a video or camera stopped early: what came is good
    ├── RuntimeFailure                        the runtime refused or failed: see its message
    │   └── NoAdapterError                    there is no GPU to run on: take the CPU
    └── MissingDependencyError (ImportError)  a package is missing: install the named extra

The tools add their own below `FerError`: `fer_train.errors.TrainingError` and
`fer_convert.parity.ParityError`. A command shows any of them as one line and exits with its
`exit_code`: 3 for a missing adapter, else 1.
"""

from typing import ClassVar


class FerError(Exception):
    """Base of every error that the SDK and its tools raise on purpose."""

    exit_code: ClassVar[int] = 1
    """What a command exits with."""


class InputError(FerError, ValueError):
    """An image, file or option from the caller is not what was asked for."""


class BundleError(FerError):
    """A model file and its sidecar are damaged, incomplete or do not belong together."""


class StreamError(FerError):
    """A video or camera stopped early; the frames that it gave until then are good."""


class RuntimeFailure(FerError):  # noqa: N818 - "RuntimeError" is taken by Python
    """An inference runtime could not load or run a model that looked right."""


class NoAdapterError(RuntimeFailure):
    """The GPU delegate was asked for and found no adapter; nothing runs on the CPU instead."""

    exit_code: ClassVar[int] = 3


class MissingDependencyError(FerError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        """Say which extra brings the package.

        Args:
            package: Import name that was not found, such as "onnxruntime".
            extra: Extra of fer-sdk that brings it, such as "onnx".
            purpose: What it was needed for, such as "running .onnx models".
        """
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed: "
            f"pip install 'fer-sdk[{extra}]'"
        )


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or what it is called if it has none."""
    return (str(error).strip() or repr(error)).splitlines()[0]
