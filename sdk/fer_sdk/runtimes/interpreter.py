"""Sessions of the TFLite Interpreter API, which LiteRT and tflite-runtime share."""

import os
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.bundles.validation import read_model
from fer_sdk.errors import RuntimeFailure, first_line
from fer_sdk.preprocess import RAW_GREY, PixelFormat
from fer_sdk.runtimes.base import (
    FixedBatchSession,
    ImageOutput,
    LockedSession,
    Tensor,
    check_image_tensors,
    padded_hw,
    to_logits,
    write_padded,
)

_inherited: Final[list[Any]] = []
"""Interpreters of a parent process, kept alive so that a forked child does not destroy them."""


class InterpreterSession(FixedBatchSession):
    """Session of a .tflite model in a TFLite Interpreter."""

    def __init__(
        self,
        interpreter_class: Any,
        model: Path,
        threads: int,
        pixels: PixelFormat = RAW_GREY,
    ) -> None:
        """Load a model.

        Args:
            interpreter_class: Class `Interpreter` of the runtime.
            model: .tflite file.
            threads: Number of CPU threads.
            pixels: Channels and numbers that the model takes.

        Raises:
            BundleError: If the file is not a well-formed model.
            RuntimeFailure: If the runtime cannot load the model, or the model does not map such
                pixels to logits.
        """
        self._interpreter, inputs, outputs = _load(interpreter_class, model, threads)
        super().__init__(tensor_of(inputs), tensor_of(outputs), model.name, pixels)
        self._input_index, self._output_index = inputs["index"], outputs["index"]
        self._process = os.getpid()

    @property
    def ops(self) -> tuple[int, int]:
        """Number of operators that a delegate such as XNNPACK runs, and number of all operators.

        Raises:
            RuntimeFailure: If the session is closed.
        """
        if self._interpreter is None:
            raise self._closed()
        listed = self._interpreter._get_ops_details()
        own = [op for op in listed if op["op_name"] != "DELEGATE"]
        writer = {int(tensor): op["index"] for op in own for tensor in op["outputs"]}
        entries = {op["index"]: [int(tensor) for tensor in op["inputs"]] for op in own}
        taken: set[int] = set()
        for delegate in listed[len(own) :]:
            outside = {int(tensor) for tensor in delegate["inputs"]}
            reached = [int(tensor) for tensor in delegate["outputs"]]
            while reached:  # from the delegate's outputs back to its inputs
                tensor = reached.pop()
                if tensor not in outside and tensor in writer and writer[tensor] not in taken:
                    taken.add(writer[tensor])
                    reached += entries[writer[tensor]]
        return len(taken), len(own)

    def _invoke(self, faces: NDArray[np.generic]) -> NDArray[np.generic]:
        if self._interpreter is None:
            raise self._closed()
        self._interpreter.set_tensor(self._input_index, faces)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output_index))

    def _free(self) -> None:
        _keep_if_inherited(self._interpreter, self._process)
        self._interpreter = None


class InterpreterImageSession(LockedSession):
    """Session of a .tflite model with an image of any size as input, in a TFLite Interpreter."""

    fixed_hw: tuple[int, int] | None = None

    def __init__(self, interpreter_class: Any, model: Path, threads: int) -> None:
        """Load a model.

        Args:
            interpreter_class: Class `Interpreter` of the runtime.
            model: .tflite file.
            threads: Number of CPU threads.

        Raises:
            BundleError: If the file is not a well-formed model.
            RuntimeFailure: If the runtime cannot load the model, or the model does not map raw
                colour pixels to rows of numbers.
        """
        super().__init__(model.name)
        # Tensors of the stored size would only be replaced when the first image comes.
        self._interpreter, inputs, outputs = _load(
            interpreter_class, model, threads, allocate=False
        )
        self._input, self._output = tensor_of(inputs), tensor_of(outputs)
        check_image_tensors(self._input, self._output, model.name)
        self._input_index, self._output_index = inputs["index"], outputs["index"]
        self._input_hw = (0, 0)
        self._process = os.getpid()

    def run(self, image: NDArray[np.uint8], multiple: int) -> ImageOutput:
        """Return the model's output for an image; see `ImageSession`.

        Calls of several threads run one after the other. A call with another size than the last
        one allocates the tensors anew, which takes less time than one run.
        """
        input_hw = padded_hw(image.shape, multiple)
        with self._lock:
            if self._interpreter is None:
                raise self._closed()
            try:
                if input_hw != self._input_hw:
                    self._input_hw = (0, 0)  # if allocation fails, the next call tries again
                    self._interpreter.resize_tensor_input(self._input_index, (1, *input_hw, 3))
                    self._interpreter.allocate_tensors()
                    self._input_hw = input_hw
                # Written in place; the runtime may have used the memory for other tensors.
                write_padded(image, self._interpreter.tensor(self._input_index)()[0])
                self._interpreter.invoke()
                output = np.asarray(self._interpreter.get_tensor(self._output_index))
            except (ValueError, RuntimeError) as error:
                raise RuntimeFailure(
                    f"{self._name} failed on an input of {input_hw[1]}x{input_hw[0]} pixels: "
                    f"{first_line(error)}"
                ) from error
        return ImageOutput(to_logits(output[0], self._output), input_hw)

    def _free(self) -> None:
        _keep_if_inherited(self._interpreter, self._process)
        self._interpreter = None


def _load(
    interpreter_class: Any, model: Path, threads: int, *, allocate: bool = True
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return an interpreter and the details of the model's input and output."""
    content = read_model(model)
    try:
        # Loaded from memory: a memory-mapped file could be changed while the runtime reads it.
        interpreter = interpreter_class(model_content=content, num_threads=threads)
        if allocate:
            interpreter.allocate_tensors()
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    except (ValueError, RuntimeError, OSError) as error:
        raise RuntimeFailure(f"the runtime cannot load {model}: {first_line(error)}") from error
    if len(inputs) != 1 or len(outputs) != 1:
        raise RuntimeFailure(
            f"{model.name} must have one input and one output, "
            f"but has {len(inputs)} and {len(outputs)}"
        )
    return interpreter, inputs[0], outputs[0]


def _keep_if_inherited(interpreter: Any, process: int) -> None:
    """Keep an interpreter of a parent process alive.

    LiteRT below 2.2 would wait for threads that do not exist in a forked child.
    """
    if process != os.getpid():
        _inherited.append(interpreter)


def tensor_of(details: dict[str, Any]) -> Tensor:
    """Convert the Interpreter's details of a tensor to a `Tensor`."""
    scale, zero_point = details["quantization"]
    shape = tuple(int(side) for side in details["shape"])
    return Tensor(shape, np.dtype(details["dtype"]), float(scale), int(zero_point))
