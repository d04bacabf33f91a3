"""Interfaces of the runtimes, and the conversion of pixels to tensors and of tensors to numbers."""

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.locks import Lock
from fer_sdk.errors import RuntimeFailure
from fer_sdk.preprocess import RAW_GREY, PixelFormat


class Session(Protocol):
    """A loaded model that classifies face crops."""

    @property
    def input_hw(self) -> tuple[int, int]:
        """Height and width of the model's input in pixels."""

    @property
    def classes(self) -> int:
        """Number of logits."""

    def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits of face crops.

        Args:
            faces: Face crops, uint8 (n, height, width), or (n, height, width, 3) for a network that
                takes colour, in its order of channels; range [0, 255].

        Returns:
            float32 (n, classes).

        Raises:
            RuntimeFailure: If the session is closed or the runtime fails.
        """

    def close(self) -> None:
        """Free the model; may be called twice."""


class ImageSession(Protocol):
    """A loaded model that maps a colour image to rows of numbers."""

    @property
    def fixed_hw(self) -> tuple[int, int] | None:
        """Height and width to which every image is padded; None if they follow the image."""

    def run(self, image: NDArray[np.uint8], multiple: int) -> "ImageOutput":
        """Return the model's output for an image, which is padded with black.

        Args:
            image: uint8 (height, width, 3), range [0, 255], channels in the model's order.
            multiple: The input's height and width are multiples of it.

        Returns:
            The output and the size of the input.

        Raises:
            RuntimeFailure: If the session is closed or the runtime fails.
        """

    def close(self) -> None:
        """Free the model; may be called twice."""


@dataclass(frozen=True, slots=True)
class ImageOutput:
    """What an `ImageSession` returns.

    Attributes:
        rows: float32 (n, columns).
        input_hw: Height and width of the padded image in pixels.
    """

    rows: NDArray[np.float32]
    input_hw: tuple[int, int]


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


_RAW: Final = {"float32": (0.0, 0), "uint8": (1.0, 0), "int8": (1.0, -128)}
"""Scale and zero point of an input of raw pixels, by dtype."""
_INTEGERS: Final = {"uint8": (0, 255), "int8": (-128, 127)}
"""Smallest and largest element, by dtype."""


def check_tensors(
    input_tensor: Tensor, output_tensor: Tensor, where: str, pixels: PixelFormat = RAW_GREY
) -> None:
    """Check that a model maps pixels of faces to logits.

    Args:
        input_tensor: The model's input, (batch, height, width, channels); in ONNX files also
            (batch, channels, height, width).
        output_tensor: The model's output, (batch, classes).
        where: The model's name in error messages.
        pixels: Channels and numbers that the model takes.

    Raises:
        RuntimeFailure: If the shape, dtype or quantisation of a tensor does not match.
    """
    if (
        len(input_tensor.shape) != 4
        or input_tensor.shape[0] < 1
        or pixels.channels not in (input_tensor.shape[1], input_tensor.shape[3])
    ):
        raise RuntimeFailure(
            f"{where} must take {pixels.color} images, but its input is {input_tensor.shape}"
        )
    batch = input_tensor.shape[0]
    if len(output_tensor.shape) != 2 or output_tensor.shape[0] != batch:
        raise RuntimeFailure(
            f"{where} must return ({batch}, classes), but its output is {output_tensor.shape}"
        )
    check_types(input_tensor, output_tensor, where, pixels)


def check_image_tensors(input_tensor: Tensor, output_tensor: Tensor, where: str) -> None:
    """Check that a model maps raw colour pixels to rows of numbers.

    Args:
        input_tensor: The model's input, (1, height, width, 3).
        output_tensor: The model's output, (1, rows, columns).
        where: The model's name in error messages.

    Raises:
        RuntimeFailure: If the shape, dtype or quantisation of a tensor does not match.
    """
    shape = input_tensor.shape
    if len(shape) != 4 or shape[0] != 1 or shape[3] != 3:
        raise RuntimeFailure(f"{where} must take one colour image, but its input is {shape}")
    if len(output_tensor.shape) != 3 or output_tensor.shape[0] != 1:
        raise RuntimeFailure(
            f"{where} must return (1, rows, columns), but its output is {output_tensor.shape}"
        )
    check_types(input_tensor, output_tensor, where)


def check_types(
    input_tensor: Tensor, output_tensor: Tensor, where: str, pixels: PixelFormat = RAW_GREY
) -> None:
    """Check that a model can take the pixels and that its output can be converted to numbers.

    Args:
        input_tensor: The model's input.
        output_tensor: The model's output.
        where: The model's name in error messages.
        pixels: Channels and numbers that the model takes.

    Raises:
        RuntimeFailure: If the dtype or quantisation of a tensor does not match.
    """
    kind, scale, zero_point = input_tensor.dtype.name, input_tensor.scale, input_tensor.zero_point
    if pixels.range != "0..255":
        _check_range(input_tensor, where, pixels)
    # Raw pixels are not rescaled, so another input scale would brighten or darken the faces.
    elif _RAW.get(kind) != (round(scale, 6), zero_point):
        raise RuntimeFailure(
            f"{where} must take raw pixels (float32; uint8 with scale 1, zero point 0; int8 with "
            f"scale 1, zero point -128), but its input is {kind} with scale {scale:g}, zero point "
            f"{zero_point}: calibrate it with faces whose pixels include 0 and 255"
        )
    kind = output_tensor.dtype.name
    if kind not in _RAW or (kind != "float32" and output_tensor.scale <= 0):
        raise RuntimeFailure(
            f"{where} must return float32, or uint8 or int8 with a scale, but its output is {kind}"
        )


def _check_range(input_tensor: Tensor, where: str, pixels: PixelFormat) -> None:
    """Check that an input tensor holds the numbers that stand for levels 0 to 255."""
    kind, step = input_tensor.dtype, input_tensor.scale
    if kind == np.float32 and step == 0:
        return
    scale, offset = pixels.scale_and_offset
    least, largest = float(offset.min()), float((255 * scale + offset).max())
    if kind in (np.uint8, np.int8) and 0 < step <= (largest - least) / 100:
        ends = _INTEGERS[kind.name]
        low, high = ((end - input_tensor.zero_point) * step for end in ends)
        if low - step <= least and largest <= high + step:
            return
    raise RuntimeFailure(
        f"{where} must take pixels as {least:.3g} to {largest:.3g} (range {pixels.range!r}), but "
        f"its input is {kind.name} with scale {step:g}, zero point {input_tensor.zero_point}"
    )


def to_tensor(
    faces: NDArray[np.uint8], input_tensor: Tensor, pixels: PixelFormat = RAW_GREY
) -> NDArray[np.generic]:
    """Convert one batch of faces to the model's input tensor.

    Args:
        faces: uint8 (batch, height, width), or (batch, height, width, 3) for colour.
        input_tensor: The model's input.
        pixels: Channels and numbers that the model takes.
    """
    if pixels.channels == 3 and channels_first(input_tensor, pixels):
        faces = np.moveaxis(faces.reshape(-1, *faces.shape[-3:]), -1, 1)
    if pixels.range != "0..255":
        axis = 1 if channels_first(input_tensor, pixels) else 3
        shape = [pixels.channels if at == axis else 1 for at in range(4)]
        scale, offset = (part.reshape(shape) for part in pixels.scale_and_offset)
        numbers = faces.reshape(input_tensor.shape).astype(np.float32) * scale + offset
        if input_tensor.dtype == np.float32:
            return np.asarray(numbers, np.float32)
        steps = np.rint(numbers / input_tensor.scale) + input_tensor.zero_point
        steps = np.clip(steps, *_INTEGERS[input_tensor.dtype.name])
        return np.asarray(steps, input_tensor.dtype)
    if input_tensor.dtype == np.int8:
        # level - 128 has the bits of the level with the first one flipped.
        return np.bitwise_xor(faces, 0x80).view(np.int8).reshape(input_tensor.shape)
    return faces.astype(input_tensor.dtype).reshape(input_tensor.shape)


def channels_first(input_tensor: Tensor, pixels: PixelFormat) -> bool:
    """Return whether a model takes (batch, channels, height, width), as some ONNX files do."""
    return input_tensor.shape[1] == pixels.channels


def to_logits(output: NDArray[np.generic], output_tensor: Tensor) -> NDArray[np.float32]:
    """Convert the model's output tensor to logits, float32 of the same shape."""
    numbers: NDArray[np.float32] = output.astype(np.float32)
    if output_tensor.dtype != np.float32:
        numbers -= output_tensor.zero_point
        numbers *= output_tensor.scale
    return numbers


def padded_hw(size_hw: tuple[int, ...], multiple: int) -> tuple[int, int]:
    """Return the height and width of an image after padding to multiples of `multiple`."""
    height, width = size_hw[:2]
    return -(-height // multiple) * multiple, -(-width // multiple) * multiple


def write_padded(image: NDArray[np.uint8], tensor: NDArray[np.generic]) -> None:
    """Write an image into the top left corner of an input tensor and black into the rest.

    Args:
        image: uint8 (height, width, 3), range [0, 255].
        tensor: (height, width, 3) of the input, at least as large; uint8, int8 or float32.
    """
    height, width = image.shape[:2]
    black = 0
    if tensor.dtype == np.int8:  # as in to_tensor
        np.bitwise_xor(image, 0x80, out=tensor[:height, :width].view(np.uint8))
        black = -128
    else:
        tensor[:height, :width] = image
    tensor[:height, width:] = black
    tensor[height:] = black


class LockedSession:
    """A session whose native calls run one after the other; subclasses define `_free`."""

    def __init__(self, name: str) -> None:
        """Create the lock.

        Args:
            name: The model's name in error messages.
        """
        self._name = name
        self._lock = Lock()

    def close(self) -> None:
        """Free the model after a running call; may be called twice."""
        with self._lock:
            self._free()

    def _free(self) -> None:
        raise NotImplementedError

    def _closed(self) -> RuntimeFailure:
        return RuntimeFailure(f"{self._name} is closed")


class FixedBatchSession(LockedSession):
    """Session of a model with a fixed batch size, usually 1.

    Subclasses define `_invoke` and `_free`.
    """

    def __init__(
        self,
        input_tensor: Tensor,
        output_tensor: Tensor,
        name: str,
        pixels: PixelFormat = RAW_GREY,
    ) -> None:
        """Check the model's input and output.

        Args:
            input_tensor: The model's input.
            output_tensor: The model's output.
            name: The model's name in error messages.
            pixels: Channels and numbers that the model takes.

        Raises:
            RuntimeFailure: If the model does not map such pixels to logits.
        """
        check_tensors(input_tensor, output_tensor, name, pixels)
        super().__init__(name)
        self._pixels = pixels
        self._input, self._output = input_tensor, output_tensor

    @property
    def input_hw(self) -> tuple[int, int]:
        """Height and width of the model's input in pixels."""
        first = 2 if channels_first(self._input, self._pixels) else 1
        return self._input.shape[first], self._input.shape[first + 1]

    @property
    def classes(self) -> int:
        """Number of logits."""
        return self._output.shape[1]

    def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the logits of face crops; concurrent calls run one after the other.

        Args:
            faces: Face crops as in `Session`.

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
        output = self._invoke(to_tensor(faces, self._input, self._pixels))
        return to_logits(output.reshape(self._output.shape), self._output)

    def _invoke(self, faces: NDArray[np.generic]) -> NDArray[np.generic]:
        """Run the model on its input tensor and return its output tensor."""
        raise NotImplementedError
