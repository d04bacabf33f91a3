"""Delegates of `fer-bench --delegate`: opening a model on one, and reporting where it ran."""

from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Final

from fer_bench.results.schema import Backend
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError, MissingDependencyError, RuntimeFailure
from fer_sdk.preprocess import PixelFormat
from fer_sdk.runtimes import Session, onnx, open_session
from fer_sdk.runtimes.interpreter import InterpreterSession
from fer_sdk.runtimes.litert_gpu import GpuSession
from fer_sdk.runtimes.onnx import OnnxSession

DELEGATES: Final = {
    "cpu": "the model's default runtime on the CPU",
    "xnnpack": "LiteRT with XNNPACK; an error if it takes no operator",
    "none": "LiteRT's built-in kernels",
    "gpu": "LiteRT's GPU delegate; exit code 3 without a GPU adapter",
    "tflite": "tflite-runtime",
    "onnx": "ONNX Runtime on the CPU",
}
"""Description by name. Further names, such as "onnx-cuda", are ONNX Runtime execution providers."""


def is_delegate(name: str) -> bool:
    """Return whether a name is a valid value of `--delegate`."""
    return name in DELEGATES or (name.startswith("onnx-") and len(name) > len("onnx-"))


def open_delegate(model: Path, delegate: str, threads: int) -> Session:
    """Open a model on a delegate, without fallback to another one.

    Args:
        model: .tflite or .onnx file with its sidecar.
        delegate: A key of `DELEGATES`, or "onnx-" and an execution provider.
        threads: Number of CPU threads.

    Raises:
        NoAdapterError: If the requested GPU or execution provider is not available.
        FerError: As `fer_sdk.runtimes.open_session` does.
    """
    pixels = ModelBundle.load(model).input.pixels
    if delegate == "gpu":  # captures the native log itself, which names the adapter
        return open_session(model, delegate="gpu", threads=threads, pixels=pixels)
    with captured_native_log():
        if delegate == "cpu":
            return open_session(model, threads=threads, pixels=pixels)
        if delegate in ("xnnpack", "none"):
            return _open_litert(model, threads, pixels, xnnpack=delegate == "xnnpack")
        if delegate == "tflite":
            return open_session(model, runtime="tflite", threads=threads, pixels=pixels)
        if model.suffix != ".onnx":
            raise InputError(
                f"--delegate {delegate} takes .onnx files, but got {model.name}: "
                "`fer-convert --onnx` makes one"
            )
        return onnx.open_session(model, threads, pixels, provider=_provider(delegate))


def describe_backend(session: Session, delegate: str) -> Backend:
    """Return where a session runs, as reported by its runtime."""
    if isinstance(session, GpuSession):
        return Backend(
            delegate=delegate,
            runtime=f"LiteRT {version('ai-edge-litert')}, GPU delegate",
            adapter=session.adapter,
            software=session.software,
            delegated_ops=session.ops,
            ops=session.ops,
        )
    if isinstance(session, OnnxSession):
        return Backend(delegate, f"ONNX Runtime {version('onnxruntime')}, {session.provider}")
    if isinstance(session, InterpreterSession):
        taken, ops = session.ops
        if delegate == "tflite":
            library = f"tflite-runtime {version('tflite-runtime')}"
        else:
            library = f"LiteRT {version('ai-edge-litert')}"
        kernels = "XNNPACK" if taken else "built-in kernels"
        return Backend(delegate, f"{library}, {kernels}", delegated_ops=taken, ops=ops)
    return Backend(delegate, type(session).__name__)


def _open_litert(
    model: Path, threads: int, pixels: PixelFormat, *, xnnpack: bool
) -> InterpreterSession:
    if model.suffix != ".tflite":
        raise InputError(f"XNNPACK and the built-in kernels take .tflite files, got {model.name}")
    try:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType
    except ImportError as error:
        raise MissingDependencyError("ai_edge_litert", "tflite-runtime", "LiteRT") from error
    kernels = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    session = InterpreterSession(
        partial(Interpreter, experimental_op_resolver_type=kernels), model, threads, pixels
    )
    taken, ops = session.ops
    if xnnpack and not taken:
        raise RuntimeFailure(
            f"XNNPACK supports none of the {ops} operators of {model.name}: use --delegate none"
        )
    return session


def _provider(delegate: str) -> str:
    """Return ONNX Runtime's name of a provider; its availability is checked on opening."""
    if delegate == "onnx":
        return onnx.CPU
    requested = delegate.removeprefix("onnx-").lower()
    known = onnx.load_onnxruntime().get_all_providers()
    names = {name.removesuffix("ExecutionProvider").lower(): name for name in known}
    if requested not in names:
        raise InputError(
            f"no ONNX Runtime provider named {requested!r}: choose from {', '.join(sorted(names))}"
        )
    return str(names[requested])
