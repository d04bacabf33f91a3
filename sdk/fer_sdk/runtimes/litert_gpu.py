"""LiteRT's GPU delegate: the whole model on the GPU, or an error; never a fall-back."""

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
    """A .tflite model compiled for the GPU.

    Attributes:
        adapter: The GPU that runs it, in the driver's words.
        software: Whether that GPU is a program on the CPU: its times say nothing about a GPU.
        ops: Operators of the model; the GPU runs all of them.
    """

    def __init__(
        self, compiled: Any, adapter: str, tensors: tuple[Tensor, Tensor], name: str, ops: int
    ) -> None:
        """Take a compiled model; `open_session` makes one.

        Args:
            compiled: LiteRT `CompiledModel`, all of it on the GPU.
            adapter: What LiteRT said of the adapter that it selected.
            tensors: The model's input and output.
            name: The model's name, for messages.
            ops: Operators of the model.

        Raises:
            RuntimeFailure: If it is not an expression model.
        """
        super().__init__(*tensors, name)
        self.ops = ops
        self.adapter = adapter
        self.software = "software" in adapter.lower()
        self._compiled = compiled
        with captured_native_log():
            self._inputs = compiled.create_input_buffers(0)
            self._outputs = compiled.create_output_buffers(0)
            # The process's first write makes an environment of LiteRT's own, with much to say.
            self._inputs[0].write(np.zeros(self._entry.shape, self._entry.dtype))
        atexit.unregister(_say_no_more)
        atexit.register(_say_no_more)

    def submit(self, face: NDArray[np.uint8]) -> None:
        """Hand one face, uint8 (height, width), to the GPU without waiting for the answer.

        For telling what a time without the read-back would leave out; `run` reads the answer.

        Raises:
            RuntimeFailure: If the session is closed.
        """
        self._submit(to_tensor(face, self._entry))

    def _submit(self, faces: NDArray[np.generic]) -> None:
        if self._compiled is None:
            raise self._closed()
        self._inputs[0].write(faces)
        self._compiled.run_by_index(0, self._inputs, self._outputs)

    def _invoke(self, faces: NDArray[np.generic]) -> NDArray[np.generic]:
        self._submit(faces)
        # The answer is read back before this returns: LiteRT only submits the work.
        return np.asarray(
            self._outputs[0].read(int(np.prod(self._exit.shape)), self._exit.dtype.type)
        )

    def close(self) -> None:
        """Free the model; may be called twice."""
        with captured_native_log():
            for buffer in (*self._inputs, *self._outputs):
                buffer.destroy()
            self._inputs, self._outputs, self._compiled = [], [], None


def _say_no_more() -> None:
    """Keep what LiteRT writes as its environment ends, after Python, off the terminal."""
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def open_session(model: Path, threads: int) -> GpuSession:
    """Compile a .tflite file for the GPU; errors as in `fer_sdk.runtimes.open_session`.

    Args:
        model: .tflite file.
        threads: Not used on a GPU; 1 or more as for every runtime.
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
    failure = ""
    with captured_native_log() as log:
        try:
            # The compiled model's own details lack scale and zero point.
            interpreter = Interpreter(model_content=content)
            entry = tensor_of(interpreter.get_input_details()[0])
            exit = tensor_of(interpreter.get_output_details()[0])
            ops = len(interpreter._get_ops_details())
            types = {np.dtype(tensor["dtype"]) for tensor in interpreter.get_tensor_details()}
            if np.dtype(np.int16) in types:
                raise ValueError("the GPU delegate returns wrong results for int16 activations")
            compiled = CompiledModel.from_file(str(model), hardware_accel=HardwareAccelerator.GPU)
        except (RuntimeError, ValueError, OSError) as error:
            # The text alone: the error would keep LiteRT's environment, which writes as it ends.
            failure = " ".join(str(error).split()) or repr(error)
    if failure:
        if "No adapters found" in log.text:
            raise NoAdapterError(
                "no GPU adapter was found for the GPU delegate: install a Vulkan driver, or use "
                "the CPU (--delegate cpu)"
            )
        raise RuntimeFailure(f"the GPU delegate refuses {model}: {failure}")
    if not compiled.is_fully_accelerated():
        raise RuntimeFailure(f"the GPU delegate takes only a part of {model.name}")
    found = re.search(r"Selected adapter: (.*)", log.text)
    adapter = found[1] if found else "unnamed adapter"
    return GpuSession(compiled, adapter, (entry, exit), model.name, ops)
