"""tflite-runtime, for 32-bit ARM boards, for which LiteRT has no wheels."""

from pathlib import Path

from fer_sdk.errors import MissingDependencyError
from fer_sdk.runtimes.interpreter import InterpreterSession


def open_session(model: Path, threads: int) -> InterpreterSession:
    """Load a .tflite file into tflite-runtime; raises as `fer_sdk.runtimes.open_session`."""
    try:
        from tflite_runtime.interpreter import Interpreter
    except ImportError as error:
        raise MissingDependencyError(
            "tflite_runtime", "tflite-runtime", "runtime='tflite'"
        ) from error
    return InterpreterSession(Interpreter, model, threads)
