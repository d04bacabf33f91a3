"""LiteRT (ai-edge-litert), the default runtime for .tflite files."""

from pathlib import Path

from fer_sdk.errors import MissingDependencyError
from fer_sdk.runtimes.interpreter import InterpreterSession


def open_session(model: Path, threads: int) -> InterpreterSession:
    """Load a .tflite file into LiteRT; raises as `fer_sdk.runtimes.open_session`."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingDependencyError(
            "ai_edge_litert", "tflite-runtime", "running .tflite models (or runtime='tflite')"
        ) from error
    return InterpreterSession(Interpreter, model, threads)
