"""Majority label from the votes of FER+ (Barsoum et al. 2016, https://arxiv.org/abs/1608.01041)."""

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError

EXPRESSIONS = 8
"""The first eight of the ten vote columns are expressions; "unknown" and "not-a-face" follow."""


def majority(votes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the most frequent vote of each face and whether it is a majority.

    Single votes are dropped as outliers. The most frequent vote is a majority if it is an
    expression and has more than half of the remaining votes.

    Args:
        votes: Number of votes, uint8 (n, 10), columns as in `fer_sdk.labels.FERPLUS_LABELS`.

    Returns:
        Column of the most frequent vote, uint8 (n,), and whether it is a majority, bool (n,).

    Raises:
        InputError: If `votes` has no rows.
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
