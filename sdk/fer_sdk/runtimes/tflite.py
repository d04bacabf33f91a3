"""tflite-runtime, for 32-bit ARM boards, for which LiteRT has no wheels."""

from pathlib import Path
from typing import Any

from fer_sdk.errors import MissingDependencyError
from fer_sdk.preprocess import RAW_GREY, PixelFormat
from fer_sdk.runtimes.interpreter import InterpreterImageSession, InterpreterSession


def open_session(model: Path, threads: int, pixels: PixelFormat = RAW_GREY) -> InterpreterSession:
    """Load a .tflite file into tflite-runtime; raises as `fer_sdk.runtimes.open_session`."""
    return InterpreterSession(_interpreter_class(), model, threads, pixels)


def open_image_session(model: Path, threads: int) -> InterpreterImageSession:
    """Load a .tflite file into tflite-runtime; raises as `fer_sdk.runtimes.open_image_session`."""
    return InterpreterImageSession(_interpreter_class(), model, threads)


def _interpreter_class() -> Any:
    try:
        from tflite_runtime.interpreter import Interpreter
    except ImportError as error:
        raise MissingDependencyError(
            "tflite_runtime", "tflite-runtime", "runtime='tflite'"
        ) from error
    return Interpreter
