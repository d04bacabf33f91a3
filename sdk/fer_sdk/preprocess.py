"""The one way from an image and a face to a model's input.

Training, calibration, inference and benchmarks all pass here; the Kotlin and JavaScript twins pass
the same golden files. NumPy only, every rounding written out:

1. grey: (4899 R + 9617 G + 1868 B + 8192) >> 14, the weights of ITU-R BT.601 in 14 bits;
2. "area-then-bilinear": with s source pixels per input pixel, the image is first averaged over
   blocks of k x k pixels, k = max(1, floor(s + 1/2)) but at most the image's shorter side,
   block edges at multiples of k from the image's corner; then each input pixel is read between
   four block centres, weights in 11 bits. Blocks and reads beyond the image repeat its edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError

Color = Literal["bgr", "rgb", "grey"]
Point = tuple[float, float]

RESIZE: Final = "area-then-bilinear"
"""Name of the resize, as a sidecar states it."""

WEIGHT_BITS: Final = 11


@dataclass(frozen=True, slots=True)
class CropSpec:
    """Where a face's eyes and mouth lie in the input.

    Points are (x, y) in pixels of the input, (0, 0) the centre of its first pixel. Right and left
    are the person's own: the right eye is on the left of the picture.
    """

    right_eye: Point
    left_eye: Point
    mouth: Point


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What a model wants to see: grey, uint8 (height, width), range [0, 255]."""

    height: int
    width: int
    crop: CropSpec


FER2013_CROP: Final = CropSpec(right_eye=(14.3, 18.3), left_eye=(32.7, 18.3), mouth=(23.5, 36.1))
"""Median places of eyes and mouth in FER2013's Training faces, made symmetric.

Measured with `fer-train landmarks`.
"""

FER2013_INPUT: Final = InputSpec(height=48, width=48, crop=FER2013_CROP)
"""A 48x48 grey face that sits as FER2013's do."""


@dataclass(frozen=True, slots=True)
class Affine:
    """Image point of an input point: x' = xx x + xy y + x0, y' = yx x + yy y + y0."""

    xx: float
    xy: float
    x0: float
    yx: float
    yy: float
    y0: float

    @property
    def scale(self) -> float:
        """Source pixels per input pixel, along the axis that has fewer."""
        return min(float(np.hypot(self.xx, self.yx)), float(np.hypot(self.xy, self.yy)))


def check_image(image: NDArray[np.uint8], color: Color, what: str = "image") -> None:
    """Refuse what is not an 8-bit image of the stated colour.

    Args:
        image: uint8 (height, width, 3) for "bgr" and "rgb", (height, width) for "grey".
        color: Order of the channels.
        what: Name of the argument, for the message.

    Raises:
        InputError: If dtype, shape or colour is another.
    """
    if color not in ("bgr", "rgb", "grey"):
        raise InputError(f"color must be 'bgr', 'rgb' or 'grey', but is {color!r}")
    shape = "(height, width)" if color == "grey" else "(height, width, 3)"
    if not isinstance(image, np.ndarray):
        raise InputError(f"{what} must be a uint8 array {shape}, but is {type(image).__name__}")
    fits = image.ndim == 2 if color == "grey" else image.ndim == 3 and image.shape[2] == 3
    if image.dtype != np.uint8 or not fits or image.size == 0:
        raise InputError(
            f"{what} must be a non-empty uint8 array {shape} for color={color!r}, "
            f"but is {image.dtype} {image.shape}"
        )


def to_grey(image: NDArray[np.uint8], color: Color) -> NDArray[np.uint8]:
    """Turn an image into grey levels.

    Args:
        image: uint8 (height, width, 3), or (height, width) for color="grey".
        color: Order of the channels.

    Returns:
        uint8 (height, width), range [0, 255].

    Raises:
        InputError: If `image` does not fit `color`.
    """
    check_image(image, color)
    if color == "grey":
        return image
    red, blue = (2, 0) if color == "bgr" else (0, 2)
    levels: NDArray[np.uint32] = image.astype(np.uint32)
    sums: NDArray[np.uint32] = (
        4899 * levels[..., red] + 9617 * levels[..., 1] + 1868 * levels[..., blue] + 8192
    ).astype(np.uint32)
    return np.asarray(np.right_shift(sums, 14), np.uint8)


def to_bgr(image: NDArray[np.uint8], color: Color) -> NDArray[np.uint8]:
    """Return an image as detectors want it, uint8 (height, width, 3) BGR; a copy only if needed."""
    if color == "bgr":
        return image
    if color == "rgb":
        return np.ascontiguousarray(image[..., ::-1])
    return np.repeat(image[..., None], 3, axis=2)


def crop_transform(crop: CropSpec, right_eye: Point, left_eye: Point, mouth: Point) -> Affine:
    """Find the turn, zoom and shift that best lay a face's points on the crop's points.

    Least squares over eyes and mouth (Umeyama 1991, https://doi.org/10.1109/34.88573, without
    mirroring), so that any detector with these three points gives the same crop.

    Args:
        crop: Where the points lie in the input.
        right_eye: The person's right eye in the image, (x, y) in pixels.
        left_eye: The person's left eye.
        mouth: Centre of the mouth.

    Returns:
        From input pixels to image pixels.

    Raises:
        InputError: If the points coincide or are not finite.
    """
    target = np.array([complex(*p) for p in (crop.right_eye, crop.left_eye, crop.mouth)])
    source = np.array([complex(*p) for p in (right_eye, left_eye, mouth)])
    target_centre, source_centre = target.mean(), source.mean()
    t, s = target - target_centre, source - source_centre
    turn = complex((t.conj() * s).sum() / (abs(t) ** 2).sum())
    if not np.isfinite(abs(turn)) or abs(turn) == 0:
        raise InputError(f"no crop is defined by eyes {right_eye} and {left_eye}, mouth {mouth}")
    shift = complex(source_centre - turn * target_centre)
    return Affine(turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag)


def resize_transform(source_hw: tuple[int, int], spec: InputSpec) -> Affine:
    """Return the transform that stretches a whole image over the input, edge to edge."""
    across, down = source_hw[1] / spec.width, source_hw[0] / spec.height
    return Affine(across, 0.0, (across - 1) / 2, 0.0, down, (down - 1) / 2)


def sample(
    image: NDArray[np.uint8], transform: Affine, spec: InputSpec, color: Color
) -> NDArray[np.uint8]:
    """Read the input's pixels from an image, as the module's docstring says.

    Args:
        image: uint8 (height, width, 3), or (height, width) for color="grey".
        transform: From input pixels to image pixels.
        spec: Input of the model.
        color: Order of the image's channels.

    Returns:
        uint8 (spec.height, spec.width), range [0, 255]; the model scales it itself.

    Raises:
        InputError: If `image` does not fit `color`.
    """
    check_image(image, color)
    # Never larger than the image, so that points far outside cannot ask for endless memory.
    block = max(1, int(min(np.floor(transform.scale + 0.5), *image.shape[:2])))
    x, y = (
        np.arange(spec.width, dtype=np.float64),
        np.arange(spec.height, dtype=np.float64)[:, None],
    )
    across = transform.xx * x + transform.xy * y + transform.x0
    down = transform.yx * x + transform.yy * y + transform.y0
    across, down = (across + 0.5) / block - 0.5, (down + 0.5) / block - 0.5

    height, width = -(-image.shape[0] // block), -(-image.shape[1] // block)  # in blocks
    left, right, weight_x = _neighbours(across, width)
    top, bottom, weight_y = _neighbours(down, height)
    first_x, first_y = int(left.min()), int(top.min())
    blocks = _block_means(
        image, color, block, (first_y, int(bottom.max()) + 1, first_x, int(right.max()) + 1)
    )
    left, right, top, bottom = left - first_x, right - first_x, top - first_y, bottom - first_y
    whole = 1 << WEIGHT_BITS
    upper = blocks[top, left] * (whole - weight_x) + blocks[top, right] * weight_x
    lower = blocks[bottom, left] * (whole - weight_x) + blocks[bottom, right] * weight_x
    value = upper * (whole - weight_y) + lower * weight_y
    half = 1 << (2 * WEIGHT_BITS - 1)
    return np.asarray(np.right_shift(value + half, 2 * WEIGHT_BITS), np.uint8)


def crop_face(
    image: NDArray[np.uint8],
    spec: InputSpec,
    *,
    right_eye: Point,
    left_eye: Point,
    mouth: Point,
    color: Color,
) -> NDArray[np.uint8]:
    """Cut a face out of an image as the model wants it: upright, eyes and mouth in their places.

    Args:
        image: uint8 (height, width, 3), or (height, width) for color="grey".
        spec: Input of the model.
        right_eye: The person's right eye in the image, (x, y) in pixels.
        left_eye: The person's left eye.
        mouth: Centre of the mouth.
        color: Order of the image's channels.

    Returns:
        uint8 (spec.height, spec.width), range [0, 255].

    Raises:
        InputError: If `image` does not fit `color`, or the points coincide.
    """
    return sample(image, crop_transform(spec.crop, right_eye, left_eye, mouth), spec, color)


def to_input(face: NDArray[np.uint8], spec: InputSpec, color: Color) -> NDArray[np.uint8]:
    """Resize a face crop to the model's input; a grey crop of that size stays as it is.

    Args:
        face: uint8 (height, width, 3), or (height, width) for color="grey".
        spec: Input of the model.
        color: Order of the channels.

    Returns:
        uint8 (spec.height, spec.width), range [0, 255].

    Raises:
        InputError: If `face` does not fit `color`.
    """
    check_image(face, color, "face")
    return sample(face, resize_transform(face.shape[:2], spec), spec, color)


def to_inputs(
    faces: Sequence[NDArray[np.uint8]], spec: InputSpec, color: Color
) -> NDArray[np.uint8]:
    """Do `to_input` for many faces; returns uint8 (len(faces), spec.height, spec.width)."""
    inputs = np.zeros((len(faces), spec.height, spec.width), np.uint8)
    for number, face in enumerate(faces):
        inputs[number] = to_input(face, spec, color)
    return inputs


def _neighbours(
    place: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the blocks on both sides of each place, kept inside, and the upper one's weight."""
    below = np.floor(place)
    weight = np.floor((place - below) * (1 << WEIGHT_BITS) + 0.5).astype(np.int64)
    low = np.clip(below, 0, count - 1).astype(np.int64)
    high = np.clip(below + 1, 0, count - 1).astype(np.int64)
    return low, high, weight


def _block_means(
    image: NDArray[np.uint8], color: Color, block: int, bounds: tuple[int, int, int, int]
) -> NDArray[np.int64]:
    """Average blocks, halves up; `bounds` = (top, bottom, left, right) counts blocks."""
    top, bottom, left, right = bounds
    part = to_grey(image[top * block : bottom * block, left * block : right * block], color)
    missing = (bottom - top) * block - part.shape[0], (right - left) * block - part.shape[1]
    if any(missing):
        part = np.pad(part, ((0, missing[0]), (0, missing[1])), mode="edge")
    sums = part.reshape(bottom - top, block, right - left, block).sum(axis=(1, 3), dtype=np.int64)
    return np.asarray((sums + block * block // 2) // (block * block), np.int64)
