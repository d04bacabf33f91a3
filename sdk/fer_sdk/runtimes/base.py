"""Interface of the runtimes, and the conversion of pixels to tensors and of tensors to logits."""

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
        """Return the logits of face crops.

        Args:
            faces: Grey face crops, uint8 (n, height, width), range [0, 255].

        Returns:
            float32 (n, classes).

        Raises:
            RuntimeFailure: If the session is closed or the runtime fails.
        """

    def close(self) -> None:
        """Free the model; may be called twice."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """Shape, dtype and quantisation of a model's input or output.

    Attributes:
        shape: Size of each axis.
        dtype: NumPy dtype of the elements.
        scale: Scale of a quantised tensor, whose element q stands for scale (q - zero_point); 0 for
            a tensor that is not quantised.
        zero_point: Element that stands for 0.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    scale: float = 0.0
    zero_point: int = 0


def check_tensors(input_tensor: Tensor, output_tensor: Tensor, where: str) -> None:
    """Check that a model maps raw grey pixels to logits.

    Args:
        input_tensor: The model's input, (batch, height, width, 1); in ONNX files also (batch, 1,
            height, width).
        output_tensor: The model's output, (batch, classes).
        where: The model's name in error messages.

    Raises:
        RuntimeFailure: If the shape, dtype or quantisation of a tensor does not match.
    """
    if (
        len(input_tensor.shape) != 4
        or input_tensor.shape[0] < 1
        or 1 not in (input_tensor.shape[1], input_tensor.shape[3])
    ):
        raise RuntimeFailure(
            f"{where} must take grey images, but its input is {input_tensor.shape}"
        )
    batch = input_tensor.shape[0]
    if len(output_tensor.shape) != 2 or output_tensor.shape[0] != batch:
        raise RuntimeFailure(
            f"{where} must return ({batch}, classes), but its output is {output_tensor.shape}"
        )
    # Pixels are not rescaled, so another input scale would brighten or darken the faces.
    raw = {"float32": (0.0, 0), "uint8": (1.0, 0), "int8": (1.0, -128)}
    kind, scale, zero_point = input_tensor.dtype.name, input_tensor.scale, input_tensor.zero_point
    if raw.get(kind) != (round(scale, 6), zero_point):
        raise RuntimeFailure(
            f"{where} must take raw pixels (float32; uint8 with scale 1, zero point 0; int8 with "
            f"scale 1, zero point -128), but its input is {kind} with scale {scale:g}, zero point "
            f"{zero_point}: calibrate it with faces whose pixels include 0 and 255"
        )
    kind = output_tensor.dtype.name
    if kind not in raw or (kind != "float32" and output_tensor.scale <= 0):
        raise RuntimeFailure(
            f"{where} must return float32, or uint8 or int8 with a scale, but its output is {kind}"
        )


def to_tensor(faces: NDArray[np.uint8], input_tensor: Tensor) -> NDArray[np.generic]:
    """Convert one batch of faces, uint8 (batch, height, width), to the model's input tensor."""
    if input_tensor.dtype == np.int8:
        return (faces.astype(np.int16) - 128).astype(np.int8).reshape(input_tensor.shape)
    return faces.astype(input_tensor.dtype).reshape(input_tensor.shape)


def to_logits(output: NDArray[np.generic], output_tensor: Tensor) -> NDArray[np.float32]:
    """Convert the model's output tensor to logits, float32 of the same shape."""
    numbers: NDArray[np.float32] = output.astype(np.float32)
    if output_tensor.dtype != np.float32:
        numbers -= output_tensor.zero_point
        numbers *= output_tensor.scale
    return numbers


class FixedBatchSession:
    """Session of a model with a fixed batch size, usually 1.

    Subclasses define `_invoke` and `close`.
    """

    def __init__(self, input_tensor: Tensor, output_tensor: Tensor, name: str) -> None:
        """Check the model's input and output.

        Args:
            input_tensor: The model's input.
            output_tensor: The model's output.
            name: The model's name in error messages.

        Raises:
            RuntimeFailure: If the model does not map raw grey pixels to logits.
        """
        check_tensors(input_tensor, output_tensor, name)
        self._input, self._output, self._name = input_tensor, output_tensor, name
        self._lock = Lock()

    @property
    def input_hw(self) -> tuple[int, int]:
        """Height and width of the model's input in pixels."""
        first = 2 if self._input.shape[1] == 1 else 1  # channels first in some ONNX files
        return self._input.shape[first], self._input.shape[first + 1]

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self._output.shape[1]

    def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits of face crops; concurrent calls run one after the other.

        Args:
            faces: Grey face crops, uint8 (n, height, width), range [0, 255].

        Returns:
            float32 (n, classes).

        Raises:
            RuntimeFailure: If the session is closed or the runtime fails.
        """
        batch = self._input.shape[0]
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
        output = self._invoke(to_tensor(faces, self._input))
        return to_logits(output.reshape(self._output.shape), self._output)

    def _invoke(self, faces: NDArray[np.generic]) -> NDArray[np.generic]:
        """Run the model on its input tensor and return its output tensor."""
        raise NotImplementedError

    def _closed(self) -> RuntimeFailure:
        return RuntimeFailure(f"{self._name} is closed")
