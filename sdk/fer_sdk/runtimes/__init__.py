"""Inference runtimes: one module per runtime, imported when a model is opened with it."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from fer_sdk.errors import InputError
from fer_sdk.preprocess import RAW_GREY, PixelFormat
from fer_sdk.runtimes import litert, litert_gpu, onnx, tflite
from fer_sdk.runtimes.base import ImageSession, Session

RUNTIMES: Final[dict[str, tuple[str, Callable[[Path, int, PixelFormat], Session]]]] = {
    "litert": (".tflite", litert.open_session),
    "onnx": (".onnx", onnx.open_session),
    "tflite": (".tflite", tflite.open_session),
}
"""For each runtime name: the file suffix that it reads, and the function that opens a session."""

IMAGE_RUNTIMES: Final[dict[str, Callable[[Path, int], ImageSession]]] = {
    "litert": litert.open_image_session,
    "tflite": tflite.open_image_session,
}
"""For each runtime that can run a face detector: the function that opens a session."""
MAX_THREADS: Final = 256
"""Limit of CPU threads; some runtimes crash when the system refuses to start more."""

DELEGATES: Final = ("cpu", "gpu")
"""Devices that a model can run on. A session never falls back from one to the other."""


def open_session(
    model: str | Path,
    *,
    runtime: str | None = None,
    delegate: str = "cpu",
    threads: int = 1,
    pixels: PixelFormat = RAW_GREY,
) -> Session:
    """Load a model into a runtime.

    Args:
        model: .tflite or .onnx file.
        runtime: Key of `RUNTIMES`. None selects LiteRT for .tflite and ONNX Runtime for .onnx.
        delegate: "cpu", or "gpu" for LiteRT's GPU delegate, which must run the entire model.
        threads: Number of CPU threads, 1 to `MAX_THREADS`.
        pixels: Channels and numbers that the model takes, as its sidecar states.

    Raises:
        InputError: If the runtime or delegate is unknown or does not support the file, or `threads`
            is out of range.
        MissingDependencyError: If the runtime is not installed.
        BundleError: If the file is not a well-formed model.
        NoAdapterError: If `delegate` is "gpu" and no GPU adapter is found, or LiteRT is below
            2.1.2.
        RuntimeFailure: If the runtime cannot load the model, or the model does not map such images
            to logits.
    """
    model = Path(model)
    _check_options(delegate, threads)
    if runtime is None and delegate == "gpu":
        runtime = "litert"
    if runtime is None:
        fitting = [name for name, (suffix, _) in RUNTIMES.items() if suffix == model.suffix]
        if not fitting:
            raise InputError(f"{model} must be a .tflite or .onnx file")
        runtime = fitting[0]
    if runtime not in RUNTIMES:
        raise InputError(f"unknown runtime {runtime!r}: choose one of {', '.join(RUNTIMES)}")
    if delegate == "gpu" and runtime != "litert":
        raise InputError(f"delegate='gpu' needs the runtime 'litert', but runtime is {runtime!r}")
    suffix, opener = RUNTIMES[runtime]
    if model.suffix != suffix:
        raise InputError(f"the runtime {runtime} takes {suffix} files, but got {model.name}")
    if delegate == "gpu":
        return litert_gpu.open_session(model, threads, pixels)
    return opener(model, threads, pixels)


def open_image_session(
    model: Path, *, runtime: str = "litert", delegate: str = "cpu", threads: int = 1
) -> ImageSession:
    """Load a .tflite file that takes a colour image, such as a face detector, into a runtime.

    Args:
        model: .tflite file.
        runtime: Key of `IMAGE_RUNTIMES`.
        delegate: "cpu", or "gpu" for LiteRT's GPU delegate, which must run the entire model.
        threads: Number of CPU threads, 1 or more.

    Raises:
        InputError: If the runtime or delegate is unknown, or `threads` is out of range.
        MissingDependencyError: If the runtime is not installed.
        BundleError: If the file is not a well-formed model.
        NoAdapterError: If `delegate` is "gpu" and no GPU adapter is found, or LiteRT is below
            2.1.2.
        RuntimeFailure: If the runtime cannot load the model, or the model does not map colour
            images to rows of numbers.
    """
    _check_options(delegate, threads)
    if runtime not in IMAGE_RUNTIMES:
        raise InputError(f"unknown runtime {runtime!r}: choose one of {', '.join(IMAGE_RUNTIMES)}")
    if delegate == "gpu":
        if runtime != "litert":
            raise InputError(
                f"delegate='gpu' needs the runtime 'litert', but runtime is {runtime!r}"
            )
        return litert_gpu.open_image_session(model, threads)
    return IMAGE_RUNTIMES[runtime](model, threads)


def _check_options(delegate: str, threads: int) -> None:
    if not 1 <= threads <= MAX_THREADS:
        raise InputError(f"threads must be 1 to {MAX_THREADS}, but is {threads}")
    if delegate not in DELEGATES:
        raise InputError(f"delegate must be one of {', '.join(DELEGATES)}, but is {delegate!r}")


__all__ = [
    "DELEGATES",
    "IMAGE_RUNTIMES",
    "MAX_THREADS",
    "RUNTIMES",
    "ImageSession",
    "Session",
    "open_image_session",
    "open_session",
]
