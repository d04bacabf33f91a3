"""The resize "area-then-bilinear" that `fer_sdk.preprocess` defines, and conversion to grey."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

WEIGHT_BITS: Final = 11

Neighbours = tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]
"""Indices of the two blocks around each position on an axis, and the weight of the second."""

_ROWS: Final = 32
"""Rows that `resize` interpolates at a time, so that they stay in the processor's cache."""


def grey_levels(image: NDArray[np.uint8], color: str) -> NDArray[np.uint8]:
    """Convert an image of `color` "bgr", "rgb" or "grey" to grey levels, uint8 (height, width)."""
    if color == "grey":
        return image
    red, blue = (2, 0) if color == "bgr" else (0, 2)
    sums = image[..., red].astype(np.uint32)
    sums *= 4899
    for channel, weight in ((1, 9617), (blue, 1868)):
        part = image[..., channel].astype(np.uint32)
        part *= weight
        sums += part
    sums += 8192
    sums >>= 14
    return sums.astype(np.uint8)


def grey_at(
    image: NDArray[np.uint8], color: str, place: NDArray[np.float64], scale: float
) -> NDArray[np.uint8]:
    """Resample an image to grey levels.

    Args:
        image: uint8 (height, width, 3), or (height, width) for color="grey".
        color: Order of the channels, "bgr", "rgb" or "grey".
        place: Column and row of each result in pixels of the image, float64 (2, h, w); changed.
        scale: Image pixels per result.

    Returns:
        uint8 (h, w), range [0, 255].
    """
    # At most the image's size: landmarks far outside the image must not allocate large blocks.
    block = _block_side(scale, image.shape[:2])
    place += 0.5
    place /= block
    place -= 0.5
    size = -(-image.shape[1] // block), -(-image.shape[0] // block)  # in blocks
    low, high, weight = _neighbours(place, np.array(size)[:, None, None])

    left, top = low.min(axis=(1, 2)).tolist()
    right, bottom = (high.max(axis=(1, 2)) + 1).tolist()
    blocks = _block_means(image, color, block, (top, bottom, left, right))
    flat = blocks.ravel()
    above, below = (low[1] - top) * (right - left), (high[1] - top) * (right - left)
    first, second = low[0] - left, high[0] - left
    one, half = 1 << WEIGHT_BITS, 1 << (2 * WEIGHT_BITS - 1)
    weight_x, weight_y = weight
    rest_x = one - weight_x
    upper = flat.take(above + first) * rest_x
    upper += flat.take(above + second) * weight_x
    lower = flat.take(below + first) * rest_x
    lower += flat.take(below + second) * weight_x
    upper *= one - weight_y
    lower *= weight_y
    upper += lower
    upper += half
    upper >>= 2 * WEIGHT_BITS
    return np.asarray(upper, np.uint8)


def resize(image: NDArray[np.uint8], size_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Stretch a colour image to another size; each channel as `grey_at` resamples a grey image.

    Args:
        image: uint8 (height, width, 3), any order of channels.
        size_hw: Height and width of the result, 1 or more.

    Returns:
        uint8 (*size_hw, 3), range [0, 255].
    """
    height, width = image.shape[:2]
    across, down = width / size_hw[1], height / size_hw[0]
    block = _block_side(min(across, down), (height, width))
    columns = _axis(size_hw[1], across, block, -(-width // block))
    rows = _axis(size_hw[0], down, block, -(-height // block))
    levels = image if block == 1 else _color_block_means(image, block)
    if not (rows[2].any() or columns[2].any()):  # whole blocks, which need no interpolation
        exact = levels.shape[:2] == size_hw
        return levels if exact else levels[rows[0][:, None], columns[0]]
    return _interpolate(levels, rows, columns)


def _block_side(scale: float, size_hw: tuple[int, ...]) -> int:
    """Return the side of the averaged blocks, in pixels, from the image pixels per input pixel."""
    return max(1, int(min(np.floor(scale + 0.5), *size_hw[:2])))


def _axis(count: int, step: float, block: int, blocks: int) -> Neighbours:
    """Return the neighbouring blocks and weights of `count` positions along an axis of a resize."""
    place = step * np.arange(count, dtype=np.float64) + (step - 1) / 2
    return _neighbours((place + 0.5) / block - 0.5, blocks)


def _interpolate(
    levels: NDArray[np.uint8], rows: Neighbours, columns: Neighbours
) -> NDArray[np.uint8]:
    """Interpolate a colour image bilinearly at the crossings of rows and columns."""
    (top, bottom, weight_y), (left, right, weight_x) = rows, columns
    channels = np.arange(3)
    left, right = ((side[:, None] * 3 + channels).ravel() for side in (left, right))
    # Weights of 11 bits each: 255 << 22 is below 2^31.
    one, half = np.int32(1 << WEIGHT_BITS), np.int32(1 << (2 * WEIGHT_BITS - 1))
    down, across = weight_y[:, None], np.repeat(weight_x, 3)
    flat = levels.reshape(len(levels), -1)
    result = np.empty((len(top), len(across)), np.uint8)
    for start in range(0, len(top), _ROWS):
        part = slice(start, start + _ROWS)
        mixed = flat[top[part]] * (one - down[part])
        mixed += flat[bottom[part]] * down[part]
        value = np.take(mixed, left, axis=1)
        value *= one - across
        other = np.take(mixed, right, axis=1)
        other *= across
        value += other
        value += half
        value >>= 2 * WEIGHT_BITS
        result[part] = value
    return result.reshape(len(top), -1, 3)


def _neighbours(place: NDArray[np.float64], count: int | NDArray[np.int32]) -> Neighbours:
    """Return the indices of the two blocks around each position and the weight of the second."""
    below = np.floor(place)
    weight = place - below
    weight *= 1 << WEIGHT_BITS
    weight += 0.5
    last = count - 1
    low = np.minimum(np.maximum(below, 0), last).astype(np.int32)
    below += 1
    high = np.minimum(np.maximum(below, 0), last).astype(np.int32)
    return low, high, weight.astype(np.int32)  # which rounds down, as the weight is positive


def _block_means(
    image: NDArray[np.uint8], color: str, block: int, bounds: tuple[int, int, int, int]
) -> NDArray[np.int32]:
    """Average blocks, rounding halves up; `bounds` is (top, bottom, left, right) in blocks."""
    top, bottom, left, right = bounds
    part = grey_levels(image[top * block : bottom * block, left * block : right * block], color)
    missing = (bottom - top) * block - part.shape[0], (right - left) * block - part.shape[1]
    if any(missing):
        part = np.pad(part, ((0, missing[0]), (0, missing[1])), mode="edge")
    if block == 1:
        return part.astype(np.int32)
    # Sums of up to 2048x2048 levels are below 2^31.
    kind = np.int32 if block <= 2048 else np.int64
    rows = np.add.reduce(part.reshape(bottom - top, block, -1), axis=1, dtype=kind)
    sums = rows[:, ::block].copy()
    for column in range(1, block):
        sums += rows[:, column::block]
    return np.asarray((sums + block * block // 2) // (block * block), np.int32)


def _color_block_means(image: NDArray[np.uint8], block: int) -> NDArray[np.uint8]:
    """Average the blocks of a colour image, as `_block_means` averages those of a grey one."""
    height, width = image.shape[:2]
    down, across = -(-height // block), -(-width // block)
    missing = down * block - height, across * block - width
    if any(missing):
        image = np.pad(image, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="edge")
    # Sums of up to 16x16 pixels and half their number are below 2^16.
    kind = np.uint16 if block <= 16 else np.uint32
    rows = np.add.reduce(image.reshape(down, block, across * block * 3), axis=1, dtype=kind)
    rows = rows.reshape(down * across, block, 3)
    means = np.empty((down * across, 3), np.uint8)
    for channel in range(3):
        sums = rows[:, 0, channel].copy()
        for column in range(1, block):
            sums += rows[:, column, channel]
        sums += kind(block * block // 2)
        means[:, channel] = sums // kind(block * block)
    return means.reshape(down, across, 3)
