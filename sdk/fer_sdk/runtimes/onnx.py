"""ONNX Runtime: on the CPU, or on one of its other providers and nowhere else."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_sdk.bundles.validation import read_model
from fer_sdk.errors import MissingDependencyError, NoAdapterError, RuntimeFailure, first_line
from fer_sdk.runtimes.base import FixedBatchSession, Tensor

CPU = "CPUExecutionProvider"
TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}


def exact_int8_sums(options: Any) -> Any:
    """Ask ONNX Runtime, by its SessionOptions, for int8 sums that are right on every processor.

    On x86 without VNNI it else adds pairs of products in 16 bits, and large ones are cut off: of
    `small`, 12 % of the labels changed. There, a face takes a third longer so.
    """
    options.add_session_config_entry("session.x64quantprecision", "1")
    return options


class OnnxSession(FixedBatchSession):
    """An .onnx model in ONNX Runtime.

    Attributes:
        provider: The execution provider that runs every node, as ONNX Runtime names it.
    """

    def __init__(
        self,
        onnxruntime: Any,
        model: Path,
        threads: int,
        provider: str = CPU,
        options: Any = None,
    ) -> None:
        """Load a model.

        Args:
            onnxruntime: The imported package.
            model: .onnx file.
            threads: CPU threads.
            provider: Execution provider for every node.
            options: ONNX Runtime's SessionOptions to begin with, for profiling.

        Raises:
            NoAdapterError: If the provider is not there or does not start.
            BundleError: If the file is no well-formed model.
            RuntimeFailure: If the runtime refuses the model or it is not an expression model.
        """
        available = onnxruntime.get_available_providers()
        if provider not in available:
            raise NoAdapterError(
                f"this ONNX Runtime has no {provider}: it has {', '.join(available)}"
            )
        options = exact_int8_sums(options or onnxruntime.SessionOptions())
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        if provider != CPU:  # which would quietly take what the provider leaves
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        content = read_model(model)
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=[provider])
        except Exception as error:  # its C++ errors share no narrower base than Exception
            raise RuntimeFailure(f"ONNX Runtime refuses {model}: {first_line(error)}") from error
        self.provider = self._session.get_providers()[0]
        if self.provider != provider:  # it did not start, and ONNX Runtime went on without it
            raise NoAdapterError(f"ONNX Runtime could not start {provider} for {model.name}")
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise RuntimeFailure(
                f"{model.name} must have one input and one output, "
                f"but has {len(inputs)} and {len(outputs)}"
            )
        entry, exit = _tensor(inputs[0], model.name), _tensor(outputs[0], model.name)
        super().__init__(entry, exit, model.name)
        self._entry_name = inputs[0].name

    def _invoke(self, faces: NDArray[np.generic]) -> NDArray[np.generic]:
        if self._session is None:
            raise self._closed()
        return np.asarray(self._session.run(None, {self._entry_name: faces})[0])

    def end_profiling(self) -> Path:
        """End a profile that the options began; returns its file, JSON in Chrome's trace form."""
        if self._session is None:
            raise self._closed()
        return Path(self._session.end_profiling())

    def close(self) -> None:
        """Free the model; may be called twice."""
        self._session = None


def open_session(model: Path, threads: int, provider: str = CPU) -> OnnxSession:
    """Load an .onnx file; errors as in `fer_sdk.runtimes.open_session`.

    Args:
        model: .onnx file.
        threads: CPU threads.
        provider: ONNX Runtime's execution provider for all of it, never in part.
    """
    return OnnxSession(load_onnxruntime(), model, threads, provider)


def load_onnxruntime() -> Any:
    """Import ONNX Runtime with its telemetry off.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    # Read once, at import: without it releases from 1.29 on keep a device id and may send usage.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError("onnxruntime", "onnx", "running .onnx models") from error
    return onnxruntime


def _tensor(value: Any, name: str) -> Tensor:
    if value.type not in TYPES:
        raise RuntimeFailure(f"{name} must take and give float or uint8, but has {value.type}")
    shape = tuple(side if isinstance(side, int) else 1 for side in value.shape)
    dtype = np.dtype(TYPES[value.type])
    # A uint8 input of an ONNX file has no scale of its own: it is plain pixels.
    return Tensor(shape, dtype, scale=1.0 if dtype == np.uint8 else 0.0)
