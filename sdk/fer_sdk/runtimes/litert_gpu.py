"""LiteRT's GPU delegate; a model runs on the GPU entirely or is rejected."""

import atexit
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.validation import read_model
from fer_sdk.errors import MissingDependencyError, NoAdapterError, RuntimeFailure
from fer_sdk.preprocess import RAW_GREY, PixelFormat
from fer_sdk.runtimes.base import (
    FixedBatchSession,
    ImageOutput,
    LockedSession,
    Tensor,
    check_image_tensors,
    padded_hw,
    to_logits,
    to_tensor,
    write_padded,
)
from fer_sdk.runtimes.interpreter import tensor_of


class GpuSession(FixedBatchSession):
    """Session of a .tflite model that is compiled for the GPU.

    Attributes:
        adapter: Name of the GPU adapter, as the driver reports it.
        software: Whether the adapter is a software implementation that runs on the CPU. Its
            latencies do not represent a GPU.
        ops: Number of operators of the model; the GPU runs all of them.
    """

    def __init__(self, loaded: "_Compiled", name: str, pixels: PixelFormat = RAW_GREY) -> None:
        """Create the buffers of a compiled model; use `open_session` to compile one.

        Args:
            loaded: The compiled model.
            name: The model's name in error messages.
            pixels: Channels and numbers that the model takes.

        Raises:
            RuntimeFailure: If the model does not map such pixels to logits.
        """
        super().__init__(loaded.input, loaded.output, name, pixels)
        self.ops = loaded.ops
        self.adapter = loaded.adapter
        self.software = "software" in loaded.adapter.lower()
        first = np.zeros(self._input.shape, self._input.dtype)
        self._buffers: _Buffers | None = _Buffers(loaded, first)

    def submit(self, face: NDArray[np.uint8]) -> None:
        """Submit one face to the GPU without waiting for the result.

        The benchmark uses it to measure the time without the read-back; `run` includes it.

        Args:
            face: Face crop, uint8 (height, width) or (height, width, 3), range [0, 255].

        Raises:
            RuntimeFailure: If the session is closed.
        """
        self._opened().submit(to_tensor(face, self._input, self._pixels))

    def _invoke(self, faces: NDArray[np.generic]) -> NDArray[np.generic]:
        buffers = self._opened()
        buffers.submit(faces)
        return buffers.read(self._output)

    def _opened(self) -> "_Buffers":
        if self._buffers is None:
            raise self._closed()
        return self._buffers

    def _free(self) -> None:
        if self._buffers is not None:
            self._buffers.destroy()
        self._buffers = None


class GpuImageSession(LockedSession):
    """Session of a .tflite model with an image as input, compiled for the GPU.

    Attributes:
        fixed_hw: Height and width of the input; smaller images are padded to it.
        adapter: Name of the GPU adapter, as the driver reports it.
    """

    def __init__(self, loaded: "_Compiled", name: str) -> None:
        """Create the buffers of a compiled model; use `open_image_session` to compile one.

        Args:
            loaded: The compiled model.
            name: The model's name in error messages.

        Raises:
            RuntimeFailure: If the model does not map raw colour pixels to rows of numbers.
        """
        super().__init__(name)
        self._input, self._output = loaded.input, loaded.output
        check_image_tensors(self._input, self._output, name)
        self.fixed_hw: tuple[int, int] | None = padded_hw(self._input.shape[1:3], 1)
        self.adapter = loaded.adapter
        self._pixels = np.zeros(self._input.shape, self._input.dtype)
        self._buffers: _Buffers | None = _Buffers(loaded, self._pixels)

    def run(self, image: NDArray[np.uint8], multiple: int) -> ImageOutput:
        """Return the model's output for an image of at most `fixed_hw`; see `ImageSession`."""
        with self._lock:
            if self._buffers is None:
                raise self._closed()
            write_padded(image, self._pixels[0])
            self._buffers.submit(self._pixels)
            output = self._buffers.read(self._output)
        return ImageOutput(to_logits(output[0], self._output), padded_hw(self._input.shape[1:3], 1))

    def _free(self) -> None:
        if self._buffers is not None:
            self._buffers.destroy()
        self._buffers = None


class _Buffers:
    """A compiled model with its input and output buffers."""

    def __init__(self, loaded: "_Compiled", first_input: NDArray[np.generic]) -> None:
        self._model = loaded.model
        with captured_native_log():
            self._inputs = self._model.create_input_buffers(0)
            self._outputs = self._model.create_output_buffers(0)
            # The first write of a process creates LiteRT's environment, which logs to stderr.
            self._inputs[0].write(first_input)
        atexit.unregister(_close_stderr)
        atexit.register(_close_stderr)

    def submit(self, tensor: NDArray[np.generic]) -> None:
        self._inputs[0].write(tensor)
        self._model.run_by_index(0, self._inputs, self._outputs)

    def read(self, tensor: Tensor) -> NDArray[np.generic]:
        """Return the output; LiteRT only submits the work, reading the buffer waits for it."""
        found = self._outputs[0].read(int(np.prod(tensor.shape)), tensor.dtype.type)
        return np.asarray(found).reshape(tensor.shape)

    def destroy(self) -> None:
        with captured_native_log():
            for buffer in (*self._inputs, *self._outputs):
                buffer.destroy()
            # The last reference to the model: LiteRT logs when it frees its environment.
            self._inputs, self._outputs, self._model = [], [], None


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A model that is compiled for the GPU.

    Attributes:
        model: `CompiledModel` of LiteRT that runs entirely on the GPU.
        adapter: Name of the GPU adapter.
        input: The model's input.
        output: The model's output.
        ops: Number of operators of the model.
    """

    model: Any
    adapter: str
    input: Tensor
    output: Tensor
    ops: int


def _close_stderr() -> None:
    """Redirect stderr to the null device, because LiteRT logs when the process exits."""
    sys.stderr.flush()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    os.close(null)


def open_session(model: Path, threads: int, pixels: PixelFormat = RAW_GREY) -> GpuSession:
    """Compile a .tflite file for the GPU; raises as `fer_sdk.runtimes.open_session`.

    Args:
        model: .tflite file.
        threads: Has no effect on the GPU.
        pixels: Channels and numbers that the model takes.
    """
    return GpuSession(_compile(model), model.name, pixels)


def open_image_session(model: Path, threads: int) -> GpuImageSession:
    """Compile a .tflite file for the GPU; raises as `fer_sdk.runtimes.open_image_session`.

    Args:
        model: .tflite file.
        threads: Has no effect on the GPU.
    """
    return GpuImageSession(_compile(model), model.name)


def _compile(model: Path) -> _Compiled:
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
    with captured_native_log(always=True) as log:  # names the adapter
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
                "the delegate cpu"
            )
        raise RuntimeFailure(f"the GPU delegate cannot load {model}: {failure}")
    if not compiled.is_fully_accelerated():
        raise RuntimeFailure(f"the GPU delegate supports only a part of {model.name}")
    found = re.search(r"Selected adapter: (.*)", log.text)
    adapter = found[1] if found else "unnamed adapter"
    return _Compiled(compiled, adapter, input_tensor, output_tensor, ops)
