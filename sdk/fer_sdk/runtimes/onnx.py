"""ONNX Runtime on the CPU."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import MissingDependencyError, RuntimeFailure
from fer_sdk.formats import read_model
from fer_sdk.runtimes.base import OneFaceSession, Tensor

TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}


class OnnxSession(OneFaceSession):
    """An .onnx model in ONNX Runtime."""

    def __init__(self, onnxruntime: Any, model: Path, threads: int) -> None:
        """Load a model.

        Args:
            onnxruntime: The imported package.
            model: .onnx file.
            threads: CPU threads.

        Raises:
            BundleError: If the file is no well-formed model.
            RuntimeFailure: If the runtime refuses the model or it is not an expression model.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        content = read_model(model)
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its C++ errors share no narrower base than Exception
            first_line = str(error).strip().splitlines()[0]
            raise RuntimeFailure(f"ONNX Runtime refuses {model}: {first_line}") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise RuntimeFailure(
                f"{model.name} must have one input and one output, "
                f"but has {len(inputs)} and {len(outputs)}"
            )
        entry, exit = _tensor(inputs[0], model.name), _tensor(outputs[0], model.name)
        super().__init__(entry, exit, model.name)
        self._entry_name = inputs[0].name

    def _answer(self, face: NDArray[np.generic]) -> NDArray[np.generic]:
        if self._session is None:
            raise self._closed()
        return np.asarray(self._session.run(None, {self._entry_name: face})[0])

    def close(self) -> None:
        """Free the model; may be called twice."""
        self._session = None


def open_session(model: Path, threads: int) -> OnnxSession:
    """Load an .onnx file; errors as in `fer_sdk.runtimes.open_session`."""
    # Read once, at import: without it releases from 1.29 on keep a device id and may send usage.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError("onnxruntime", "onnx", "running .onnx models") from error
    return OnnxSession(onnxruntime, model, threads)


def _tensor(value: Any, name: str) -> Tensor:
    if value.type not in TYPES:
        raise RuntimeFailure(f"{name} must take and give float or uint8, but has {value.type}")
    shape = tuple(side if isinstance(side, int) else 1 for side in value.shape)
    dtype = np.dtype(TYPES[value.type])
    # A uint8 input of an ONNX file has no scale of its own: it is plain pixels.
    return Tensor(shape, dtype, scale=1.0 if dtype == np.uint8 else 0.0)
