"""What every runtime offers, and how quantised numbers become pixels and logits."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.locks import Lock
from fer_sdk.errors import RuntimeFailure


class Session(Protocol):
    """A loaded model."""

    @property
    def input_hw(self) -> tuple[int, int]:
        """Height and width of the model's input in pixels."""

    @property
    def classes(self) -> int:
        """Number of logits."""

    def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits, float32 (n, classes), for faces, uint8 (n, height, width).

        Raises:
            RuntimeFailure: If the session is closed or the runtime fails.
        """

    def close(self) -> None:
        """Free the model; may be called twice."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One input or output; a quantised one means scale (number - zero_point)."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    scale: float = 0.0
    zero_point: int = 0


def check_tensors(entry: Tensor, exit: Tensor, where: str) -> None:
    """Refuse a model that does not take grey images and return one row of logits for each.

    Args:
        entry: The model's input: (batch, height, width, 1), or (batch, 1, height, width) in ONNX
            files.
        exit: The model's output: (batch, classes).
        where: The model's name, for the message.

    Raises:
        RuntimeFailure: If shape, type or quantisation of either is another.
    """
    if len(entry.shape) != 4 or entry.shape[0] < 1 or 1 not in (entry.shape[1], entry.shape[3]):
        raise RuntimeFailure(f"{where} must take grey images, but its input is {entry.shape}")
    batch = entry.shape[0]
    if len(exit.shape) != 2 or exit.shape[0] != batch:
        raise RuntimeFailure(f"{where} must answer with ({batch}, classes), but gives {exit.shape}")
    # Pixels go in as they are: an input of another scale would see them brighter or darker.
    raw = {"float32": (0.0, 0), "uint8": (1.0, 0), "int8": (1.0, -128)}
    came = (round(entry.scale, 6), entry.zero_point)
    if entry.dtype.name not in raw or came != raw[entry.dtype.name]:
        raise RuntimeFailure(
            f"{where} must take raw pixels (float32; uint8 with scale 1, zero point 0; int8 with "
            f"scale 1, zero point -128), but its input is {entry.dtype.name} with scale {came[0]}, "
            f"zero point {came[1]}: calibrate it with faces that reach 0 and 255"
        )
    if exit.dtype.name not in raw or (exit.dtype.name != "float32" and exit.scale <= 0):
        raise RuntimeFailure(
            f"{where} must answer in float32, uint8 or int8, but gives {exit.dtype}"
        )


def to_tensor(faces: NDArray[np.uint8], entry: Tensor) -> NDArray[np.generic]:
    """Turn one batch of faces, uint8 (batch, height, width), into the model's input tensor."""
    if entry.dtype == np.int8:
        return (faces.astype(np.int16) - 128).astype(np.int8).reshape(entry.shape)
    return faces.astype(entry.dtype).reshape(entry.shape)


def to_logits(answer: NDArray[np.generic], exit: Tensor) -> NDArray[np.float32]:
    """Turn the model's answer into logits, float32 of the same shape."""
    numbers: NDArray[np.float32] = answer.astype(np.float32)
    if exit.dtype != np.float32:
        numbers -= exit.zero_point
        numbers *= exit.scale
    return numbers


class FixedBatchSession:
    """A session whose model takes the same number of faces each call, mostly one.

    A runtime adds `_invoke` and `close`.
    """

    def __init__(self, entry: Tensor, exit: Tensor, name: str) -> None:
        """Take the model's input and output.

        Args:
            entry: The input.
            exit: The output.
            name: The model's name, for messages.

        Raises:
            RuntimeFailure: If they are not those of an expression model.
        """
        check_tensors(entry, exit, name)
        self._entry, self._exit, self._name = entry, exit, name
        self._lock = Lock()

    @property
    def input_hw(self) -> tuple[int, int]:
        """Height and width of the model's input in pixels."""
        first = 2 if self._entry.shape[1] == 1 else 1  # channels first, as ONNX files may have it
        return self._entry.shape[first], self._entry.shape[first + 1]

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self._exit.shape[1]

    def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return logits, float32 (n, classes), for faces, uint8 (n, height, width).

        Threads take turns: one call after the other.

        Raises:
            RuntimeFailure: If the session is closed.
        """
        batch = self._entry.shape[0]
        with self._lock:
            if len(faces) == batch:
                return self._logits(faces)
            logits = np.zeros((len(faces), self.classes), np.float32)
            for start in range(0, len(faces), batch):
                part = faces[start : start + batch]
                missing = batch - len(part)
                if missing:
                    part = np.concatenate([part, np.zeros((missing, *part.shape[1:]), np.uint8)])
                logits[start : start + batch] = self._logits(part)[: batch - missing]
        return logits

    def _logits(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        answer = self._invoke(to_tensor(faces, self._entry))
        return to_logits(answer.reshape(self._exit.shape), self._exit)

    def _invoke(self, faces: NDArray[np.generic]) -> NDArray[np.generic]:
        """Run the model on its input tensor; returns its output tensor."""
        raise NotImplementedError

    def _closed(self) -> RuntimeFailure:
        return RuntimeFailure(f"{self._name} is closed")
