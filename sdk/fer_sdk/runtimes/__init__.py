"""Runtimes: one file each, opened by name; a package is imported when its runtime is opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from fer_sdk.errors import InputError
from fer_sdk.runtimes import litert, litert_gpu, onnx, tflite
from fer_sdk.runtimes.base import Session

RUNTIMES: Final[dict[str, tuple[str, Callable[[Path, int], Session]]]] = {
    "litert": (".tflite", litert.open_session),
    "litert-gpu": (".tflite", litert_gpu.open_session),
    "onnx": (".onnx", onnx.open_session),
    "tflite": (".tflite", tflite.open_session),
}
"""Name of each runtime, the files it takes, and what opens it."""

DELEGATES: Final = ("cpu", "gpu")
"""Where a model may run; there is no fall-back from one to the other."""


def open_session(
    model: Path, *, runtime: str | None = None, delegate: str = "cpu", threads: int = 1
) -> Session:
    """Load a model into a runtime.

    Args:
        model: .tflite or .onnx file.
        runtime: One of `RUNTIMES`; None takes LiteRT for .tflite and ONNX Runtime for .onnx.
        delegate: "cpu", or "gpu" for LiteRT's GPU delegate: the whole model or an error.
        threads: CPU threads, 1 or more.

    Raises:
        InputError: If the runtime or delegate is unknown or does not take such files, or threads is
            below 1.
        MissingDependencyError: If the runtime is not installed.
        BundleError: If the file is no well-formed model.
        NoAdapterError: If the GPU was asked for and there is none.
        RuntimeFailure: If the runtime refuses the model.
    """
    if threads < 1:
        raise InputError(f"threads must be 1 or more, but is {threads}")
    if delegate not in DELEGATES:
        raise InputError(f"delegate must be one of {', '.join(DELEGATES)}, but is {delegate!r}")
    if delegate == "gpu":
        if runtime not in (None, "litert", "litert-gpu"):
            raise InputError(f"delegate='gpu' is LiteRT's, but runtime is {runtime!r}")
        runtime = "litert-gpu"
    if runtime is None:
        fitting = [name for name, (suffix, _) in RUNTIMES.items() if suffix == model.suffix]
        if not fitting:
            raise InputError(f"{model} must be a .tflite or .onnx file")
        runtime = fitting[0]
    if runtime not in RUNTIMES:
        raise InputError(f"no runtime named {runtime!r}: there are {', '.join(RUNTIMES)}")
    suffix, opener = RUNTIMES[runtime]
    if model.suffix != suffix:
        raise InputError(f"the runtime {runtime} takes {suffix} files, but got {model.name}")
    return opener(model, threads)


__all__ = ["DELEGATES", "RUNTIMES", "Session", "open_session"]
