"""What `--delegate` means, and the truth about where a model ran."""

from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from fer_bench.results.schema import Place
from fer_sdk._internal.native_log import caught_native_log
from fer_sdk.errors import InputError, MissingDependencyError, RuntimeFailure
from fer_sdk.runtimes import Session, onnx, open_session
from fer_sdk.runtimes.interpreter import InterpreterSession
from fer_sdk.runtimes.litert_gpu import GpuSession
from fer_sdk.runtimes.onnx import OnnxSession

DELEGATES: Final = {
    "cpu": "the file's own runtime on the CPU",
    "xnnpack": "LiteRT with XNNPACK, or not at all",
    "none": "LiteRT's built-in kernels",
    "gpu": "LiteRT's GPU delegate, or exit code 3",
    "tflite": "tflite-runtime",
    "onnx": "ONNX Runtime on the CPU",
}
"""Name of each delegate and what it is; "onnx-cuda" and the like are ONNX Runtime's providers."""


def is_delegate(name: str) -> bool:
    """Return whether `--delegate` may have this value."""
    return name in DELEGATES or (name.startswith("onnx-") and len(name) > len("onnx-"))


def open_delegate(model: Path, delegate: str, threads: int) -> Session:
    """Open a model on a delegate, whole or not at all.

    Raises:
        NoAdapterError: If a GPU or a provider was asked for that is not there.
        FerError: As `fer_sdk.runtimes.open_session` does.
    """
    if delegate == "gpu":  # reads the native log itself, for the adapter's name
        return open_session(model, runtime="litert-gpu", threads=threads)
    with caught_native_log():
        if delegate == "cpu":
            return open_session(model, threads=threads)
        if delegate in ("xnnpack", "none"):
            return _open_litert(model, threads, xnnpack=delegate == "xnnpack")
        if delegate == "tflite":
            return open_session(model, runtime="tflite", threads=threads)
        if model.suffix != ".onnx":
            raise InputError(
                f"--delegate {delegate} takes .onnx files, but got {model.name}: "
                "`fer-convert --onnx` makes one"
            )
        return onnx.open_session(model, threads, _provider(delegate))


def where_it_runs(session: Session, delegate: str) -> Place:
    """Return where a session runs, as its runtime tells, not as it was asked for."""
    if isinstance(session, GpuSession):
        return Place(
            delegate=delegate,
            runtime=f"LiteRT {version('ai-edge-litert')}, GPU delegate",
            adapter=session.adapter,
            software=session.software,
            delegated_ops=session.ops,
            ops=session.ops,
        )
    if isinstance(session, OnnxSession):
        return Place(delegate, f"ONNX Runtime {version('onnxruntime')}, {session.provider}")
    if isinstance(session, InterpreterSession):
        taken, ops = session.ops
        if delegate == "tflite":
            library = f"tflite-runtime {version('tflite-runtime')}"
        else:
            library = f"LiteRT {version('ai-edge-litert')}"
        kernels = "XNNPACK" if taken else "built-in kernels"
        return Place(delegate, f"{library}, {kernels}", delegated_ops=taken, ops=ops)
    return Place(delegate, type(session).__name__)


def _open_litert(model: Path, threads: int, *, xnnpack: bool) -> InterpreterSession:
    if model.suffix != ".tflite":
        raise InputError(f"XNNPACK and the built-in kernels take .tflite files, got {model.name}")
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError as error:
        raise MissingDependencyError("ai_edge_litert", "tflite-runtime", "LiteRT") from error
    kernels = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    session = InterpreterSession(
        partial(Interpreter, experimental_op_resolver_type=kernels), model, threads
    )
    taken, ops = session.ops
    if xnnpack and not taken:
        raise RuntimeFailure(
            f"XNNPACK takes none of the {ops} operators of {model.name}: use --delegate none"
        )
    return session


def _provider(delegate: str) -> str:
    """Return ONNX Runtime's name for "onnx" or "onnx-cuda"; whether it is there shows later."""
    if delegate == "onnx":
        return onnx.CPU
    wanted = delegate.removeprefix("onnx-").lower()
    known = onnx.load_onnxruntime().get_all_providers()
    names = {name.removesuffix("ExecutionProvider").lower(): name for name in known}
    if wanted not in names:
        raise InputError(
            f"no ONNX Runtime provider named {wanted!r}: it knows {', '.join(sorted(names))}"
        )
    return str(names[wanted])
