"""Pre-processing: from an image and the landmarks of a face to the model's input.

Training, calibration, inference and benchmarks use these functions. The Kotlin and JavaScript
implementations pass the same golden files, so the arithmetic is defined to the last bit:

1. Grey level: (4899 R + 9617 G + 1868 B + 8192) >> 14, the weights of ITU-R BT.601 in 14 bits.
2. Resize "area-then-bilinear": let s be the number of image pixels per input pixel. The image is
   averaged over blocks of k x k pixels, k = max(1, floor(s + 1/2)), at most the shorter side of
   the image; block edges are multiples of k from the image's top left corner. Each input pixel is
   then interpolated bilinearly between four block centres, with weights of 11 bits. Outside the
   image, its edge is repeated.

A network of another origin may take colour: each channel is then resized as a grey image is.
"""

import cmath
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.resampling import grey_at, grey_levels
from fer_sdk._internal.resampling import resize as resize
from fer_sdk.errors import InputError

Color = Literal["bgr", "rgb", "grey"]
Point = tuple[float, float]

RESIZE: Final = "area-then-bilinear"
"""Name of the resize method in a sidecar."""


@dataclass(frozen=True, slots=True)
class CropSpec:
    """Target positions of eyes and mouth in the model's input.

    Points are (x, y) in pixels; (0, 0) is the centre of the top left pixel. Right and left are the
    person's: in an upright image, the right eye has the smaller x.
    """

    right_eye: Point
    left_eye: Point
    mouth: Point


PixelRange = Literal["0..255", "0..1", "-1..1", "imagenet"]
"""What a network takes for levels 0 to 255: these numbers, or with the means and standard
deviations of ImageNet's channels removed (https://pytorch.org/vision/stable/models.html)."""
_MEAN_RGB: Final = (0.485, 0.456, 0.406)
_DEVIATION_RGB: Final = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """Channels and numbers that a network takes for the pixels of a face.

    Attributes:
        color: "grey", or the order of three channels, "rgb" or "bgr".
        range: Numbers that stand for levels 0 to 255.
    """

    color: Color = "grey"
    range: PixelRange = "0..255"

    def __post_init__(self) -> None:
        if self.range == "imagenet" and self.color == "grey":
            raise InputError("pixels in the range 'imagenet' must be 'rgb' or 'bgr', not 'grey'")

    @property
    def channels(self) -> int:
        """1 for grey, 3 for colour."""
        return 1 if self.color == "grey" else 3

    @property
    def scale_and_offset(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Factor and summand of each channel: number = level x factor + summand."""
        scale, offset = np.ones(self.channels), np.zeros(self.channels)
        if self.range == "0..1":
            scale /= 255
        elif self.range == "-1..1":
            scale, offset = scale * 2 / 255, offset - 1
        elif self.range == "imagenet":
            step = 1 if self.color == "rgb" else -1
            mean, deviation = np.array(_MEAN_RGB)[::step], np.array(_DEVIATION_RGB)[::step]
            scale, offset = 1 / (255 * deviation), -mean / deviation
        return np.asarray(scale, np.float32), np.asarray(offset, np.float32)


RAW_GREY: Final = PixelFormat()
"""Grey levels 0 to 255, which the shipped models take."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """Size, crop and pixels of a model's input: uint8 of the shape `shape`, range [0, 255].

    `pixels` states what a runtime makes of these levels before it passes them to the network.
    """

    height: int
    width: int
    crop: CropSpec
    pixels: PixelFormat = RAW_GREY

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one face: (height, width), or (height, width, 3) for colour."""
        size = self.height, self.width
        return size if self.pixels.color == "grey" else (*size, 3)


FER2013_CROP: Final = CropSpec(right_eye=(14.3, 18.3), left_eye=(32.7, 18.3), mouth=(23.5, 36.1))
"""Median positions of eyes and mouth in the Training faces of FER2013, made symmetric.

Measured with `python -m research.landmark_positions`.
"""

FER2013_INPUT: Final = InputSpec(height=48, width=48, crop=FER2013_CROP)
"""Input of 48x48 grey pixels, cropped like the faces of FER2013."""


@dataclass(frozen=True, slots=True)
class Affine:
    """Affine map from input to image pixels: x' = xx x + xy y + x0, y' = yx x + yy y + y0."""

    xx: float
    xy: float
    x0: float
    yx: float
    yy: float
    y0: float

    @property
    def scale(self) -> float:
        """Image pixels per input pixel, the smaller of the two axes."""
        return min(float(np.hypot(self.xx, self.yx)), float(np.hypot(self.xy, self.yy)))


def check_image(image: NDArray[np.uint8], color: Color, what: str = "image") -> None:
    """Check that an array is an 8-bit image with the given channels.

    Args:
        image: uint8 (height, width, 3) for "bgr" and "rgb", (height, width) for "grey".
        color: Order of the channels.
        what: Name of the argument in the error message.

    Raises:
        InputError: If `color` is unknown, dtype or shape does not match it, or the image is empty.
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
    """Convert an image to grey levels.

    Args:
        image: uint8 (height, width, 3), or (height, width) for color="grey".
        color: Order of the channels.

    Returns:
        uint8 (height, width), range [0, 255].

    Raises:
        InputError: As `check_image`.
    """
    check_image(image, color)
    return grey_levels(image, color)


def to_bgr(image: NDArray[np.uint8], color: Color) -> NDArray[np.uint8]:
    """Convert an image to BGR, uint8 (height, width, 3); returns a BGR image itself, not a copy."""
    if color == "bgr":
        return image
    if color == "rgb":
        return np.ascontiguousarray(image[..., ::-1])
    return np.repeat(image[..., None], 3, axis=2)


def crop_transform(crop: CropSpec, right_eye: Point, left_eye: Point, mouth: Point) -> Affine:
    """Return the similarity transform that best maps the crop's points to a face's landmarks.

    Rotation, scale and translation minimise the squared distances of eyes and mouth (Umeyama 1991,
    https://doi.org/10.1109/34.88573, without reflection). The three points are sufficient, so the
    crop does not depend on other landmarks of a detector.

    Args:
        crop: Positions of the points in the model's input.
        right_eye: The person's right eye in the image, (x, y) in pixels.
        left_eye: The person's left eye in the image, (x, y) in pixels.
        mouth: Centre of the mouth in the image, (x, y) in pixels.

    Returns:
        Map from input pixels to image pixels.

    Raises:
        InputError: If the points coincide or are not finite.
    """
    target, centre, squares = _centred(crop)
    source = np.array([complex(*right_eye), complex(*left_eye), complex(*mouth)])
    source_centre = source.sum() / 3
    rotation = complex((target.conj() * (source - source_centre)).sum() / squares)
    if not cmath.isfinite(rotation) or rotation == 0:
        raise InputError(f"no crop is defined by eyes {right_eye} and {left_eye}, mouth {mouth}")
    shift = complex(source_centre - rotation * centre)
    return Affine(
        rotation.real, -rotation.imag, shift.real, rotation.imag, rotation.real, shift.imag
    )


@lru_cache
def _centred(crop: CropSpec) -> tuple[NDArray[np.complex128], np.complex128, np.float64]:
    """Return the crop's points relative to their centre, the centre, and their squared lengths."""
    points = np.array([complex(*p) for p in (crop.right_eye, crop.left_eye, crop.mouth)])
    centre = points.mean()
    return points - centre, centre, (abs(points - centre) ** 2).sum()


def resize_transform(source_hw: tuple[int, int], spec: InputSpec) -> Affine:
    """Return the map from input to image pixels that stretches the image to the input's edges."""
    across, down = source_hw[1] / spec.width, source_hw[0] / spec.height
    return Affine(across, 0.0, (across - 1) / 2, 0.0, down, (down - 1) / 2)


def sample(
    image: NDArray[np.uint8], transform: Affine, spec: InputSpec, color: Color
) -> NDArray[np.uint8]:
    """Resample an image with the resize that the module docstring defines.

    Args:
        image: uint8 (height, width, 3), or (height, width) for color="grey".
        transform: Map from input pixels to image pixels.
        spec: Input of the model.
        color: Order of the image's channels.

    Returns:
        uint8 of the shape `spec.shape`, range [0, 255]: grey levels, or the channels in the order
        `spec.pixels.color`, which are equal for a grey image.

    Raises:
        InputError: As `check_image`.
    """
    check_image(image, color)
    if spec.pixels.color == "grey" or color == "grey":
        levels = _sample(image, transform, spec, color)
        return levels if spec.pixels.color == "grey" else np.repeat(levels[..., None], 3, axis=2)
    step = 1 if color == spec.pixels.color else -1
    channels = [_sample(image[..., c], transform, spec, "grey") for c in range(3)[::step]]
    return np.stack(channels, axis=-1)


def _sample(
    image: NDArray[np.uint8], transform: Affine, spec: InputSpec, color: Color
) -> NDArray[np.uint8]:
    """Resample an image to grey levels, uint8 (spec.height, spec.width)."""
    x = np.arange(spec.width, dtype=np.float64)
    y = np.arange(spec.height, dtype=np.float64)[:, None]
    place = np.empty((2, spec.height, spec.width))
    np.add(transform.xx * x, transform.xy * y, out=place[0])
    np.add(transform.yx * x, transform.yy * y, out=place[1])
    place += np.array([transform.x0, transform.y0])[:, None, None]
    return grey_at(image, color, place, transform.scale)


def crop_face(
    image: NDArray[np.uint8],
    spec: InputSpec,
    *,
    right_eye: Point,
    left_eye: Point,
    mouth: Point,
    color: Color,
) -> NDArray[np.uint8]:
    """Crop an upright face with eyes and mouth at the positions of `spec.crop`.

    Args:
        image: uint8 (height, width, 3), or (height, width) for color="grey".
        spec: Input of the model.
        right_eye: The person's right eye in the image, (x, y) in pixels.
        left_eye: The person's left eye in the image, (x, y) in pixels.
        mouth: Centre of the mouth in the image, (x, y) in pixels.
        color: Order of the image's channels.

    Returns:
        As `sample`.

    Raises:
        InputError: As `check_image`, or if the points coincide or are not finite.
    """
    return sample(image, crop_transform(spec.crop, right_eye, left_eye, mouth), spec, color)


def to_input(face: NDArray[np.uint8], spec: InputSpec, color: Color) -> NDArray[np.uint8]:
    """Resize a face crop to the model's input; a grey crop of that size is returned unchanged.

    Args:
        face: uint8 (height, width, 3), or (height, width) for color="grey".
        spec: Input of the model.
        color: Order of the channels.

    Returns:
        As `sample`.

    Raises:
        InputError: As `check_image`.
    """
    check_image(face, color, "face")
    return sample(face, resize_transform(face.shape[:2], spec), spec, color)


def to_inputs(
    faces: Sequence[NDArray[np.uint8]], spec: InputSpec, color: Color
) -> NDArray[np.uint8]:
    """Apply `to_input` to several faces.

    Args:
        faces: Face crops as for `to_input`, of any sizes.
        spec: Input of the model.
        color: Order of the crops' channels.

    Returns:
        uint8 (len(faces), *spec.shape), range [0, 255], as `sample`.

    Raises:
        InputError: As `check_image`.
    """
    inputs = np.zeros((len(faces), *spec.shape), np.uint8)
    for number, face in enumerate(faces):
        inputs[number] = to_input(face, spec, color)
    return inputs
