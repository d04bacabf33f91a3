"""Sessions of the TFLite Interpreter API, which LiteRT and tflite-runtime share."""

import os
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.bundles.validation import read_model
from fer_sdk.errors import RuntimeFailure, first_line
from fer_sdk.runtimes.base import FixedBatchSession, Tensor

_inherited: Final[list[Any]] = []
"""Interpreters of a parent process, kept alive so that a forked child does not destroy them."""


class InterpreterSession(FixedBatchSession):
    """Session of a .tflite model in a TFLite Interpreter."""

    def __init__(self, interpreter_class: Any, model: Path, threads: int) -> None:
        """Load a model.

        Args:
            interpreter_class: Class `Interpreter` of the runtime.
            model: .tflite file.
            threads: Number of CPU threads.

        Raises:
            BundleError: If the file is not a well-formed model.
            RuntimeFailure: If the runtime cannot load the model, or the model does not map raw grey
                pixels to logits.
        """
        content = read_model(model)
        try:
            # Loaded from memory: a memory-mapped file could be changed while the runtime reads it.
            self._interpreter = interpreter_class(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
            inputs = self._interpreter.get_input_details()
            outputs = self._interpreter.get_output_details()
        except (ValueError, RuntimeError, OSError) as error:
            raise RuntimeFailure(f"the runtime cannot load {model}: {first_line(error)}") from error
        if len(inputs) != 1 or len(outputs) != 1:
            raise RuntimeFailure(
                f"{model.name} must have one input and one output, "
                f"but has {len(inputs)} and {len(outputs)}"
            )
        super().__init__(tensor_of(inputs[0]), tensor_of(outputs[0]), model.name)
        self._input_index, self._output_index = inputs[0]["index"], outputs[0]["index"]
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

    def close(self) -> None:
        """Free the model; may be called twice."""
        if self._process != os.getpid():
            # LiteRT below 2.2 would wait for threads that do not exist in a forked child.
            _inherited.append(self._interpreter)
        self._interpreter = None


def tensor_of(details: dict[str, Any]) -> Tensor:
    """Convert the Interpreter's details of a tensor to a `Tensor`."""
    scale, zero_point = details["quantization"]
    shape = tuple(int(side) for side in details["shape"])
    return Tensor(shape, np.dtype(details["dtype"]), float(scale), int(zero_point))
