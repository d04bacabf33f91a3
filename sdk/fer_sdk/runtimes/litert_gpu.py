"""LiteRT's GPU delegate; a model runs on the GPU entirely or is rejected."""

import atexit
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.validation import read_model
from fer_sdk.errors import MissingDependencyError, NoAdapterError, RuntimeFailure
from fer_sdk.runtimes.base import FixedBatchSession, Tensor, to_tensor
from fer_sdk.runtimes.interpreter import tensor_of


class GpuSession(FixedBatchSession):
    """Session of a .tflite model that is compiled for the GPU.

    Attributes:
        adapter: Name of the GPU adapter, as the driver reports it.
        software: Whether the adapter is a software implementation that runs on the CPU. Its
            latencies do not represent a GPU.
        ops: Number of operators of the model; the GPU runs all of them.
    """

    def __init__(
        self, compiled: Any, adapter: str, tensors: tuple[Tensor, Tensor], name: str, ops: int
    ) -> None:
        """Create the buffers of a compiled model; use `open_session` to compile one.

        Args:
            compiled: `CompiledModel` of LiteRT that runs entirely on the GPU.
            adapter: Name of the GPU adapter.
            tensors: The model's input and output.
            name: The model's name in error messages.
            ops: Number of operators of the model.

        Raises:
            RuntimeFailure: If the model does not map raw grey pixels to logits.
        """
        super().__init__(*tensors, name)
        self.ops = ops
        self.adapter = adapter
        self.software = "software" in adapter.lower()
        self._compiled = compiled
        with captured_native_log():
            self._inputs = compiled.create_input_buffers(0)
            self._outputs = compiled.create_output_buffers(0)
            # The first write of a process creates LiteRT's environment, which logs to stderr.
            self._inputs[0].write(np.zeros(self._input.shape, self._input.dtype))
        atexit.unregister(_close_stderr)
        atexit.register(_close_stderr)

    def submit(self, face: NDArray[np.uint8]) -> None:
        """Submit one face to the GPU without waiting for the result.

        The benchmark uses it to measure the time without the read-back; `run` includes it.

        Args:
            face: Grey face crop, uint8 (height, width), range [0, 255].

        Raises:
            RuntimeFailure: If the session is closed.
        """
        self._submit(to_tensor(face, self._input))

    def _submit(self, faces: NDArray[np.generic]) -> None:
        if self._compiled is None:
            raise self._closed()
        self._inputs[0].write(faces)
        self._compiled.run_by_index(0, self._inputs, self._outputs)

    def _invoke(self, faces: NDArray[np.generic]) -> NDArray[np.generic]:
        self._submit(faces)
        # LiteRT only submits the work; reading the output buffer waits for the result.
        return np.asarray(
            self._outputs[0].read(int(np.prod(self._output.shape)), self._output.dtype.type)
        )

    def close(self) -> None:
        """Free the model; may be called twice."""
        with captured_native_log():
            for buffer in (*self._inputs, *self._outputs):
                buffer.destroy()
            self._inputs, self._outputs, self._compiled = [], [], None


def _close_stderr() -> None:
    """Redirect stderr to the null device, because LiteRT logs when the process exits."""
    sys.stderr.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def open_session(model: Path, threads: int) -> GpuSession:
    """Compile a .tflite file for the GPU; raises as `fer_sdk.runtimes.open_session`.

    Args:
        model: .tflite file.
        threads: Has no effect on the GPU.
    """
    try:
        from ai_edge_litert.compiled_model import CompiledModel
        from ai_edge_litert.hardware_accelerator import HardwareAccelerator
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingDependencyError(
            "ai_edge_litert", "tflite-runtime", "the GPU delegate (LiteRT only)"
        ) from error
    content = read_model(model)
    if not hasattr(HardwareAccelerator, "GPU"):
        raise NoAdapterError("the GPU delegate needs LiteRT (ai-edge-litert) 2.1.2 or later")
    failure = ""
    with captured_native_log() as log:
        try:
            # The details of a compiled model lack scale and zero point.
            interpreter = Interpreter(model_content=content)
            input_tensor = tensor_of(interpreter.get_input_details()[0])
            output_tensor = tensor_of(interpreter.get_output_details()[0])
            ops = len(interpreter._get_ops_details())
            types = {np.dtype(tensor["dtype"]) for tensor in interpreter.get_tensor_details()}
            if np.dtype(np.int16) in types:
                raise ValueError("int16 activations give wrong results")
            compiled = CompiledModel.from_file(str(model), hardware_accel=HardwareAccelerator.GPU)
        except (RuntimeError, ValueError, OSError) as error:
            # Keep only the text: the error holds LiteRT's environment, which logs when it is freed.
            failure = " ".join(str(error).split()) or repr(error)
    if failure:
        if "No adapters found" in log.text:
            raise NoAdapterError(
                "no GPU adapter was found for the GPU delegate: install a Vulkan driver, or use "
                "the CPU (--delegate cpu)"
            )
        raise RuntimeFailure(f"the GPU delegate cannot load {model}: {failure}")
    if not compiled.is_fully_accelerated():
        raise RuntimeFailure(f"the GPU delegate supports only a part of {model.name}")
    found = re.search(r"Selected adapter: (.*)", log.text)
    adapter = found[1] if found else "unnamed adapter"
    return GpuSession(compiled, adapter, (input_tensor, output_tensor), model.name, ops)
