"""Sizes and overlapping tiles in which a thorough search looks for small faces."""

import math
from dataclasses import dataclass
from typing import Final

OVERLAP: Final = 128
"""Least overlap of two tiles in pixels: a smaller face is entirely in one of them."""

STEP: Final = 4
"""Largest ratio of the sizes of two levels. A face that fills the overlap of one level is 32 pixels
wide in the level before, where it is found."""

LEAST_ENLARGED: Final = 2
"""The last level is at least this many times as large as the first."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of an image.

    Attributes:
        left: First column.
        top: First row.
        width: Columns.
        height: Rows.
    """

    left: int
    top: int
    width: int
    height: int


def fitted_wh(width: int, height: int, max_side: int) -> tuple[int, int]:
    """Return the size of an image after downscaling its longer side to `max_side` pixels."""
    shrink = min(1.0, max_side / max(width, height))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def finer_levels(width: int, height: int, max_side: int) -> list[tuple[int, int]]:
    """Return the sizes, (width, height), at which an image is searched after the first one.

    The first is that of `fitted_wh`. The last is the image's own or twice the first, whichever is
    larger.
    """
    longest = max(width, height)
    first = min(longest, max_side)
    last = max(longest, LEAST_ENLARGED * first)
    steps = math.ceil(math.log(last / first, STEP) - 1e-9)
    sides = [first * (last / first) ** (number / steps) for number in range(1, steps + 1)]
    return [
        (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
        for side in sides
    ]


def tiles_of(width: int, height: int, side: int) -> list[Tile]:
    """Divide an image into equal tiles of at most `side` pixels that overlap by `OVERLAP` or more.

    Args:
        width: Width of the image in pixels.
        height: Height of the image in pixels.
        side: Largest side of a tile, more than `OVERLAP`.
    """
    return [
        Tile(left, top, min(side, width), min(side, height))
        for top in _starts(height, side)
        for left in _starts(width, side)
    ]


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = math.ceil((length - OVERLAP) / (side - OVERLAP))
    return [round(number * (length - side) / (count - 1)) for number in range(count)]
