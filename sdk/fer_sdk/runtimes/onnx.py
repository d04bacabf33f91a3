"""ONNX Runtime, on the CPU or entirely on one other execution provider."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_sdk.bundles.validation import read_model
from fer_sdk.errors import MissingDependencyError, NoAdapterError, RuntimeFailure, first_line
from fer_sdk.preprocess import RAW_GREY, PixelFormat
from fer_sdk.runtimes.base import FixedBatchSession, Tensor

CPU = "CPUExecutionProvider"
TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}


def exact_int8_sums(options: Any) -> Any:
    """Set the option of SessionOptions that prevents saturation of int8 sums; returns `options`.

    By default, x86 processors without VNNI add pairs of products in 16 bits and saturate, which
    changed 12 % of the labels of `small`. With the option, they need a third more time per face.
    """
    options.add_session_config_entry("session.x64quantprecision", "1")
    return options


class OnnxSession(FixedBatchSession):
    """Session of an .onnx model in ONNX Runtime.

    Attributes:
        provider: ONNX Runtime's name of the execution provider, which runs every node.
    """

    def __init__(
        self,
        onnxruntime: Any,
        model: Path,
        threads: int,
        provider: str = CPU,
        options: Any = None,
        pixels: PixelFormat = RAW_GREY,
    ) -> None:
        """Load a model.

        Args:
            onnxruntime: The imported package `onnxruntime`.
            model: .onnx file.
            threads: Number of CPU threads.
            provider: Execution provider for every node.
            options: SessionOptions to extend, for profiling; None for new ones.
            pixels: Channels and numbers that the model takes.

        Raises:
            NoAdapterError: If the provider is not available or does not start.
            BundleError: If the file is not a well-formed model.
            RuntimeFailure: If the runtime cannot load the model, or the model does not map such
                pixels to logits.
        """
        available = onnxruntime.get_available_providers()
        if provider not in available:
            raise NoAdapterError(
                f"this ONNX Runtime has no {provider}, only {', '.join(available)}"
            )
        options = exact_int8_sums(options or onnxruntime.SessionOptions())
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        if provider != CPU:  # else the CPU would run nodes that the provider does not support
            options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        content = read_model(model)
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=[provider])
        except Exception as error:  # the C++ errors have no other common base class
            raise RuntimeFailure(
                f"ONNX Runtime cannot load {model}: {first_line(error)}"
            ) from error
        self.provider = self._session.get_providers()[0]
        if self.provider != provider:  # ONNX Runtime skips a provider that does not start
            raise NoAdapterError(f"ONNX Runtime could not start {provider} for {model.name}")
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise RuntimeFailure(
                f"{model.name} must have one input and one output, "
                f"but has {len(inputs)} and {len(outputs)}"
            )
        input_tensor, output_tensor = (
            _tensor(inputs[0], model.name),
            _tensor(outputs[0], model.name),
        )
        super().__init__(input_tensor, output_tensor, model.name, pixels)
        self._input_name = inputs[0].name

    def _invoke(self, faces: NDArray[np.generic]) -> NDArray[np.generic]:
        if self._session is None:
            raise self._closed()
        return np.asarray(self._session.run(None, {self._input_name: faces})[0])

    def end_profiling(self) -> Path:
        """End the profile that the options started; returns its JSON file (Chrome trace format)."""
        if self._session is None:
            raise self._closed()
        return Path(self._session.end_profiling())

    def _free(self) -> None:
        self._session = None


def open_session(
    model: Path, threads: int, pixels: PixelFormat = RAW_GREY, *, provider: str = CPU
) -> OnnxSession:
    """Load an .onnx file; raises as `fer_sdk.runtimes.open_session`.

    Args:
        model: .onnx file.
        threads: Number of CPU threads.
        pixels: Channels and numbers that the model takes.
        provider: ONNX Runtime's name of the execution provider, which must run every node.
    """
    return OnnxSession(load_onnxruntime(), model, threads, provider, pixels=pixels)


def load_onnxruntime() -> Any:
    """Import ONNX Runtime with telemetry disabled.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    # Read at import; without it, release 1.29 and later store a device id and may send usage data.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError("onnxruntime", "onnx", "running .onnx models") from error
    return onnxruntime


def _tensor(value: Any, name: str) -> Tensor:
    if value.type not in TYPES:
        raise RuntimeFailure(
            f"{name} must have float or uint8 inputs and outputs, but has {value.type}"
        )
    shape = tuple(side if isinstance(side, int) else 1 for side in value.shape)
    dtype = np.dtype(TYPES[value.type])
    # A uint8 input of an ONNX file has no scale; its elements are raw pixels.
    return Tensor(shape, dtype, scale=1.0 if dtype == np.uint8 else 0.0)
