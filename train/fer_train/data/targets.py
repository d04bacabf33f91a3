"""Class probabilities to train towards."""

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.fer2013 import Fer2013
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS


def soft_targets(
    data: Fer2013, rows: NDArray[np.intp], *, ferplus_weight: float, label_smoothing: float
) -> NDArray[np.float32]:
    """Mix FER2013's label, the FER+ votes and an even share.

    Args:
        data: Where the labels and votes are.
        rows: Row numbers to make targets for.
        ferplus_weight: Share of the vote distribution, 0 to 1. Faces without a usable vote keep
            FER2013's label alone.
        label_smoothing: Share spread evenly over all classes, 0 to 1.

    Returns:
        float32 (len(rows), 7), each row a distribution.

    Raises:
        InputError: If votes are asked for and were not imported.
    """
    classes = len(FER2013_LABELS)
    target = np.eye(classes, dtype=np.float32)[data.emotion[rows]]
    if ferplus_weight:
        if not len(data.ferplus_votes):
            raise InputError(
                f"the recipe takes {ferplus_weight:.0%} of its targets from FER+ votes, but none "
                "were imported: run `fer-train import ... --ferplus fer2013new.csv`"
            )
        votes = ferplus_distribution(data.ferplus_votes[rows])
        voted = votes.sum(axis=1) > 0
        target[voted] = (1 - ferplus_weight) * target[voted] + ferplus_weight * votes[voted]
    return np.asarray((1 - label_smoothing) * target + label_smoothing / classes, np.float32)


def ferplus_distribution(votes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn FER+ votes into distributions over FER2013's seven classes.

    Single votes are dropped as outliers, as in FER+'s own training code's rule (Barsoum et al.
    2016); contempt, unknown and not-a-face have no class here and are dropped too.

    Args:
        votes: uint8 (n, 10), columns as `fer_sdk.labels.FERPLUS_LABELS`.

    Returns:
        float32 (n, 7); a row of zeros where no vote is left.
    """
    columns = [FERPLUS_LABELS.index(label) for label in FER2013_LABELS]
    counts = votes[:, columns].astype(np.float32)
    counts[counts <= 1] = 0
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=counts, where=total > 0), np.float32)
