"""The TFLite Interpreter API, which LiteRT and tflite-runtime share."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import RuntimeFailure
from fer_sdk.formats import read_model
from fer_sdk.runtimes.base import OneFaceSession, Tensor


class InterpreterSession(OneFaceSession):
    """A .tflite model in an Interpreter."""

    def __init__(self, interpreter_class: Any, model: Path, threads: int) -> None:
        """Load a model.

        Args:
            interpreter_class: `Interpreter` of the runtime.
            model: .tflite file.
            threads: CPU threads.

        Raises:
            BundleError: If the file is no well-formed model.
            RuntimeFailure: If the runtime refuses the model or it is not an expression model.
        """
        content = read_model(model)
        try:
            # From memory: a mapped file could change under the runtime.
            self._interpreter = interpreter_class(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
            inputs = self._interpreter.get_input_details()
            outputs = self._interpreter.get_output_details()
        except (ValueError, RuntimeError, OSError) as error:
            first_line = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise RuntimeFailure(f"the runtime refuses {model}: {first_line}") from error
        if len(inputs) != 1 or len(outputs) != 1:
            raise RuntimeFailure(
                f"{model.name} must have one input and one output, "
                f"but has {len(inputs)} and {len(outputs)}"
            )
        super().__init__(tensor_of(inputs[0]), tensor_of(outputs[0]), model.name)
        self._entry_index, self._exit_index = inputs[0]["index"], outputs[0]["index"]

    def _answer(self, face: NDArray[np.generic]) -> NDArray[np.generic]:
        if self._interpreter is None:
            raise self._closed()
        self._interpreter.set_tensor(self._entry_index, face)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._exit_index))

    def close(self) -> None:
        """Free the model; may be called twice."""
        self._interpreter = None


def tensor_of(details: dict[str, Any]) -> Tensor:
    """Read a tensor's shape, type and quantisation from the Interpreter's details of it."""
    scale, zero_point = details["quantization"]
    shape = tuple(int(side) for side in details["shape"])
    return Tensor(shape, np.dtype(details["dtype"]), float(scale), int(zero_point))
