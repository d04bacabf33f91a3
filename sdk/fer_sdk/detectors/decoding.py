"""Decoding of YuNet's output and non-maximum suppression.

The arithmetic is float64 and uses additions, multiplications, divisions, square roots and floor
only, so that the Kotlin and JavaScript implementations give the same bits and pass the same golden
files.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.bundles.detector import COLUMNS, STRIDES, Factors
from fer_sdk.errors import RuntimeFailure

MAX_OVERLAP: Final = 0.3
"""Intersection over union from which on the face with the lower score is dropped."""

LOGIT_CLIP: Final = 100.0
SIZE_CLIP: Final = 10.0
"""Largest absolute value of a logit and of the logarithm of a size in strides."""

_LN2: Final = 0.6931471805599453
_ONE: Final = np.array(1.0)
_TERMS: Final = tuple(np.array(float(n)) for n in range(13, 0, -1))
"""Divisors of the series of `exp`, as arrays: NumPy converts a Python number at every use."""
_POWERS: Final = [0, 1, 4, 5]
"""Columns of the logits and of the logarithms of width and height."""
_CLIPS: Final = np.array([LOGIT_CLIP, LOGIT_CLIP, SIZE_CLIP, SIZE_CLIP])
_SIGNS: Final = np.array([-1.0, -1.0, 1.0, 1.0])


def decode(
    rows: NDArray[np.float32], input_hw: tuple[int, int], factors: Factors, *, min_score: float
) -> NDArray[np.float64]:
    """Convert the network's output to faces, best first, without overlapping ones.

    Args:
        rows: Output as defined in `fer_sdk.bundles.detector`, float32 (n, 16).
        input_hw: Height and width of the network's input in pixels, multiples of 32.
        factors: Factors of the columns from the sidecar.
        min_score: Smallest score of a face, 0 to 1. The score is the square root of the product of
            both probabilities.

    Returns:
        float64 (faces, 15): left, top, right, bottom, x and y of five points (right eye, left eye,
        nose, right and left corner of the mouth), score; in pixels of the input.

    Raises:
        RuntimeFailure: If the number of rows does not belong to `input_hw`, or a number is not
            finite.
    """
    grid = _grid(input_hw)
    if rows.shape != (len(grid.level), COLUMNS):
        raise RuntimeFailure(
            f"the face detector must return ({len(grid.level)}, {COLUMNS}) for an input of "
            f"{input_hw[1]}x{input_hw[0]} pixels, but returned {rows.shape}"
        )
    with np.errstate(invalid="ignore"):  # a sum is finite only if each number is
        sums = [float(np.add.reduce(rows[:, column], dtype=np.float64)) for column in (0, 1)]
    if not all(map(math.isfinite, sums)):
        raise RuntimeFailure("the face detector's output is not finite: try another delegate")
    cells = _likely(rows, grid, factors, min_score)
    faces = _decode_cells(rows, grid, cells, factors, min_score)
    if not np.isfinite(faces).all():
        raise RuntimeFailure("the face detector's output is not finite: try another delegate")
    return suppress(faces)


def suppress(faces: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sort faces by score and drop those that overlap a better one by more than `MAX_OVERLAP`.

    Args:
        faces: float64 (n, 15) as returned by `decode`; of equal scores the first is preferred.
    """
    faces = faces[np.argsort(-faces[:, 14], kind="stable")]
    kept = []
    while len(faces):
        kept.append(faces[0])
        rest = faces[1:]
        faces = rest[_overlap(rest, faces[0]) <= MAX_OVERLAP]
    return np.array(kept, np.float64).reshape(-1, 15)


def exp(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return e^x by a series: the function differs between libraries in the last bit."""
    power = np.floor(x / _LN2 + 0.5)
    rest = x - power * _LN2
    series = np.ones_like(x)
    for n in _TERMS:
        np.multiply(series, rest, out=series)
        np.divide(series, n, out=series)
        np.add(series, _ONE, out=series)
    return np.ldexp(series, power.astype(np.int64))


def sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + e^-x)."""
    return 1.0 / (1.0 + exp(-x))


@dataclass(frozen=True, slots=True)
class _Grid:
    """Cells of an input size, in the order of the output's rows.

    Attributes:
        levels: Rows of each stride.
        level: Number of the cell's stride in `STRIDES`, (n,).
        stride: Its stride in pixels, float64 (n, 1).
        corner: Column and row of its top left corner in strides, float64 (n, 2).
    """

    levels: tuple[slice, ...]
    level: NDArray[np.int64]
    stride: NDArray[np.float64]
    corner: NDArray[np.float64]


@lru_cache(maxsize=4)
def _grid(input_hw: tuple[int, int]) -> _Grid:
    levels: list[slice] = []
    corners = []
    for stride in STRIDES:
        down, across = input_hw[0] // stride, input_hw[1] // stride
        start = levels[-1].stop if levels else 0
        levels.append(slice(start, start + down * across))
        row, column = np.divmod(np.arange(down * across), across)
        corners.append(np.stack([column, row], axis=1))
    counts = [len(corner) for corner in corners]
    return _Grid(
        levels=tuple(levels),
        level=np.repeat(np.arange(len(STRIDES)), counts),
        stride=np.repeat(np.array(STRIDES, np.float64), counts)[:, None],
        corner=np.concatenate(corners).astype(np.float64),
    )


def _likely(
    rows: NDArray[np.float32], grid: _Grid, factors: Factors, least: float
) -> NDArray[np.int64]:
    """Return the indices of the cells whose score can be at least `least`."""
    # Both probabilities are at least the square of the score; a little less allows for rounding.
    square = min(max(least * least, 1e-12), 1 - 1e-12)
    lowest = math.log(square / (1 - square)) - 1e-3
    likely = np.empty(len(rows), np.bool_)
    for level, factor in zip(grid.levels, factors, strict=True):
        np.greater_equal(rows[level, 0], lowest / factor[0], out=likely[level])
        likely[level] &= rows[level, 1] >= lowest / factor[1]
    return np.flatnonzero(likely)


def _decode_cells(
    rows: NDArray[np.float32], grid: _Grid, cells: NDArray[np.int64], factors: Factors, least: float
) -> NDArray[np.float64]:
    """Decode cells whose score is at least `least`; all at once, because each NumPy call costs."""
    numbers = rows[cells] * np.array(factors)[grid.level[cells]]
    # Both logits, negated for the sigmoid 1 / (1 + e^-x), and both logarithms of the sides.
    powers = exp(np.minimum(np.maximum(numbers[:, _POWERS], -_CLIPS), _CLIPS) * _SIGNS)
    probabilities = 1.0 / (1.0 + powers[:, :2])
    stride, corner = grid.stride[cells], grid.corner[cells]
    faces = np.empty((len(cells), 15))
    centre = (corner + numbers[:, 2:4]) * stride
    half = powers[:, 2:] * stride / 2
    np.subtract(centre, half, out=faces[:, 0:2])
    np.add(centre, half, out=faces[:, 2:4])
    points = corner[:, None] + numbers[:, 6:].reshape(-1, 5, 2)
    np.multiply(points.reshape(-1, 10), stride, out=faces[:, 4:14])
    np.sqrt(probabilities[:, 0] * probabilities[:, 1], out=faces[:, 14])
    return faces[faces[:, 14] >= least]


def _overlap(faces: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of each face's box with the box of `best`."""
    low, high = np.maximum(faces[:, 0:2], best[0:2]), np.minimum(faces[:, 2:4], best[2:4])
    sides = np.maximum(high - low, 0.0)
    common = sides[:, 0] * sides[:, 1]
    areas = (faces[:, 2] - faces[:, 0]) * (faces[:, 3] - faces[:, 1])
    area = (best[2] - best[0]) * (best[3] - best[1])
    return np.asarray(common / (areas + area - common), np.float64)
