"""LiteRT's operator profile of a model, printed as JSON.

    python -m fer_bench.backends.litert_profile MODEL RUNS

The profiler has no Python API, so this module calls the C functions of libLiteRt as declared in the
headers of LiteRT 2.x. It runs in a separate process because a failing call can crash the process.
"""

import ctypes
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

WARMUP: Final = 20
_CPU: Final = 1
_HANDLE: Final = ctypes.c_void_p


class _Library:
    """Wrapper of the C functions that raises on a status other than 0."""

    def __init__(self) -> None:
        spec = find_spec("ai_edge_litert")
        if spec is None or not spec.submodule_search_locations:
            raise RuntimeError("ai_edge_litert is not installed")
        folder = Path(spec.submodule_search_locations[0])
        self._functions = ctypes.CDLL(str(folder / "libLiteRt.so"))

    def call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._functions, name)(*arguments)
        if status != 0:
            raise RuntimeError(f"{name} returned status {status}")

    def make(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        handle = _HANDLE()
        self.call(name, *arguments, ctypes.byref(handle))
        return handle


def profile(model: bytes, runs: int) -> str:
    """Run a model on one thread with XNNPACK and the profiler enabled.

    Args:
        model: Contents of a .tflite file with one input and one output.
        runs: Number of profiled inferences, after a warm-up.

    Returns:
        LiteRT's summary, a table as text.

    Raises:
        RuntimeError: If a LiteRT function fails.
    """
    library, zero, one = _Library(), ctypes.c_size_t(0), ctypes.c_size_t(1)
    environment = library.make("LiteRtCreateEnvironment", 0, None)
    loaded = library.make(
        "LiteRtCreateModelFromBuffer", environment, model, ctypes.c_size_t(len(model))
    )
    options = library.make("LiteRtCreateOptions")
    library.call("LiteRtSetOptionsHardwareAccelerators", options, _CPU)
    free = ctypes.CFUNCTYPE(None, _HANDLE)(lambda payload: None)  # Python owns the memory
    setting = ctypes.create_string_buffer(b"enable_profiling = true\n")
    payload = ctypes.cast(setting, _HANDLE)
    opaque = library.make("LiteRtCreateOpaqueOptions", b"runtime_options_string", payload, free)
    library.call("LiteRtAddOpaqueOptions", options, opaque)
    compiled = library.make("LiteRtCreateCompiledModel", environment, loaded, options)
    signature = library.make("LiteRtGetModelSignature", loaded, zero)
    buffers = []
    for side in ("Input", "Output"):
        tensor = library.make(f"LiteRtGetSignature{side}TensorByIndex", signature, zero)
        tensor_type = ctypes.create_string_buffer(1024)  # larger than the struct
        library.call("LiteRtGetRankedTensorType", tensor, tensor_type)
        needs = library.make(
            f"LiteRtGetCompiledModel{side}BufferRequirements", compiled, zero, zero
        )
        buffer = library.make(
            "LiteRtCreateManagedTensorBufferFromRequirements", environment, tensor_type, needs
        )
        buffers.append((_HANDLE * 1)(buffer))
    profiler = library.make("LiteRtCompiledModelGetProfiler", compiled)
    for number in range(WARMUP + runs):
        if number == WARMUP:
            library.call("LiteRtStartProfiler", profiler)
        library.call("LiteRtRunCompiledModel", compiled, zero, one, buffers[0], one, buffers[1])
    library.call("LiteRtStopProfiler", profiler)
    summary = ctypes.c_char_p()
    library.call("LiteRtGetProfileSummary", profiler, compiled, ctypes.byref(summary))
    return (summary.value or b"").decode()


def main() -> None:
    """Print the summary as JSON."""
    model, runs = sys.argv[1:]
    text = profile(Path(model).read_bytes(), int(runs))
    sys.stdout.write("\n" + json.dumps({"summary": text}) + "\n")


if __name__ == "__main__":
    main()
