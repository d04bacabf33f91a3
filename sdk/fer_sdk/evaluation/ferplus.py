"""FER+'s votes and its rule for a majority (Barsoum et al. 2016, arxiv.org/abs/1608.01041)."""

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError

EXPRESSIONS = 8
"""Of the ten vote columns, the first eight are expressions; unknown and not-a-face follow."""


def majority(votes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Find the expression that most voters saw, and the faces for which the rule accepts it.

    Single votes are dropped as outliers; the most frequent of the rest must have more than half of
    them and be an expression.

    Args:
        votes: uint8 (n, 10), columns as `fer_sdk.labels.FERPLUS_LABELS`.

    Returns:
        Column of the most frequent, uint8 (n,), and whether it counts, bool (n,).

    Raises:
        InputError: If there are no votes.
    """
    if not len(votes):
        raise InputError(
            "the data has no FER+ votes: run `fer-train import ... --ferplus fer2013new.csv`"
        )
    counts = votes.astype(np.int64)
    counts[counts <= 1] = 0
    most = counts.argmax(axis=1)
    usable = (2 * counts.max(axis=1) > counts.sum(axis=1)) & (most < EXPRESSIONS)
    return most.astype(np.uint8), np.asarray(usable, np.bool_)
