"""Decoding of YuNet's output and non-maximum suppression.

The arithmetic is float64 and uses additions, multiplications, divisions, square roots and floor
only, so that the Kotlin and JavaScript implementations give the same bits and pass the same golden
files.
"""

import math
from dataclasses import dataclass
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
    cells = [(input_hw[0] // stride) * (input_hw[1] // stride) for stride in STRIDES]
    if rows.shape != (sum(cells), COLUMNS):
        raise RuntimeFailure(
            f"the face detector must return ({sum(cells)}, {COLUMNS}) for an input of "
            f"{input_hw[1]}x{input_hw[0]} pixels, but returned {rows.shape}"
        )
    with np.errstate(invalid="ignore"):  # a sum is finite only if each number is
        sums = [float(np.add.reduce(rows[:, column], dtype=np.float64)) for column in (0, 1)]
    if not all(map(math.isfinite, sums)):
        raise RuntimeFailure("the face detector's output is not finite: try another delegate")
    faces = _decode_cells(rows, _likely(rows, cells, factors, min_score), input_hw, min_score)
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
class _Cells:
    """Cells that may show a face.

    Attributes:
        row: Index of the cell in the output, (n,).
        place: Index of the cell in the grid of its stride, (n,).
        stride: Its stride in pixels, (n,).
        factor: Factors of its columns, float64 (n, 16).
    """

    row: NDArray[np.int64]
    place: NDArray[np.int64]
    stride: NDArray[np.int64]
    factor: NDArray[np.float64]


def _likely(rows: NDArray[np.float32], counts: list[int], factors: Factors, least: float) -> _Cells:
    """Find the cells of all strides whose score can be at least `least`."""
    # Both probabilities are at least the square of the score; a little less allows for rounding.
    square = min(max(least * least, 1e-12), 1 - 1e-12)
    lowest = math.log(square / (1 - square)) - 1e-3
    places, starts, first = [], [], 0
    for count, factor in zip(counts, factors, strict=True):
        level = rows[first : first + count]
        likely = (level[:, 0] >= lowest / factor[0]) & (level[:, 1] >= lowest / factor[1])
        places.append(np.flatnonzero(likely))
        starts.append(first)
        first += count
    found = [len(place) for place in places]
    place = np.concatenate(places)
    return _Cells(
        row=place + np.repeat(starts, found),
        place=place,
        stride=np.repeat(STRIDES, found),
        factor=np.repeat(np.array(factors), found, axis=0),
    )


def _decode_cells(
    rows: NDArray[np.float32], cells: _Cells, input_hw: tuple[int, int], least: float
) -> NDArray[np.float64]:
    """Decode cells whose score is at least `least`; all at once, because each NumPy call costs."""
    numbers = rows[cells.row] * cells.factor
    # Both logits, negated for the sigmoid 1 / (1 + e^-x), and both logarithms of the sides.
    powers = exp(np.minimum(np.maximum(numbers[:, _POWERS], -_CLIPS), _CLIPS) * _SIGNS)
    probabilities = 1.0 / (1.0 + powers[:, :2])
    stride, across = cells.stride[:, None], input_hw[1] // cells.stride
    corner = np.empty((len(numbers), 1, 2))
    corner[:, 0, 0], corner[:, 0, 1] = cells.place % across, cells.place // across
    faces = np.empty((len(numbers), 15))
    centre = (corner[:, 0] + numbers[:, 2:4]) * stride
    size = powers[:, 2:] * stride
    faces[:, 0:2], faces[:, 2:4] = centre - size / 2, centre + size / 2
    points = (corner + numbers[:, 6:].reshape(-1, 5, 2)).reshape(-1, 10)
    faces[:, 4:14] = points * stride
    faces[:, 14] = np.sqrt(probabilities[:, 0] * probabilities[:, 1])
    return faces[faces[:, 14] >= least]


def _overlap(faces: NDArray[np.float64], best: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intersection over union of each face's box with the box of `best`."""
    low, high = np.maximum(faces[:, 0:2], best[0:2]), np.minimum(faces[:, 2:4], best[2:4])
    sides = np.maximum(high - low, 0.0)
    common = sides[:, 0] * sides[:, 1]
    areas = (faces[:, 2] - faces[:, 0]) * (faces[:, 3] - faces[:, 1])
    area = (best[2] - best[0]) * (best[3] - best[1])
    return np.asarray(common / (areas + area - common), np.float64)
