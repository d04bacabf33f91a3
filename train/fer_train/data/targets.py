"""Class probabilities to train towards."""

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.evaluation import ferplus
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS

FERPLUS_CLASSES = FERPLUS_LABELS[: ferplus.EXPRESSIONS]
"""FER+'s eight expressions."""


def soft_targets(
    data: Fer2013, rows: NDArray[np.intp], *, ferplus_weight: float
) -> NDArray[np.float32]:
    """Mix FER2013's label and the FER+ votes.

    Args:
        data: Where the labels and votes are.
        rows: Row numbers to make targets for.
        ferplus_weight: Share of the vote distribution, 0 to 1. Faces without a usable vote keep
            FER2013's label alone.

    Returns:
        float32 (len(rows), 7), each row a distribution.

    Raises:
        InputError: If votes are asked for and were not imported.
    """
    target = np.eye(len(FER2013_LABELS), dtype=np.float32)[data.emotion[rows]]
    if ferplus_weight:
        votes = ferplus_distribution(_votes(data)[rows], FER2013_LABELS)
        voted = votes.sum(axis=1) > 0
        target[voted] = (1 - ferplus_weight) * target[voted] + ferplus_weight * votes[voted]
    return target


def smoothed(targets: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Return targets of which `share`, 0 to 1, is spread evenly over the classes."""
    return np.asarray((1 - share) * targets + share / targets.shape[1], np.float32)


def ferplus_faces(data: Fer2013, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return those rows of which most voters saw an expression, by FER+'s rule without its margin.

    Raises:
        InputError: If the votes were not imported.
    """
    share = ferplus_distribution(_votes(data)[rows], FERPLUS_LABELS)
    expression, other = np.split(share, [ferplus.EXPRESSIONS], axis=1)
    return np.asarray(rows[expression.max(axis=1) > other.max(axis=1)])


def ferplus_distribution(votes: NDArray[np.uint8], labels: tuple[str, ...]) -> NDArray[np.float32]:
    """Turn FER+ votes into distributions over some of its labels.

    Single votes are dropped as outliers, as FER+'s rule has it (Barsoum et al. 2016), and so are
    votes for other labels.

    Args:
        votes: uint8 (n, 10), columns as `fer_sdk.labels.FERPLUS_LABELS`.
        labels: Of `FERPLUS_LABELS`.

    Returns:
        float32 (n, len(labels)); a row of zeros where no vote is left.
    """
    counts = votes[:, [FERPLUS_LABELS.index(label) for label in labels]].astype(np.float32)
    counts[counts <= 1] = 0
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=counts, where=total > 0), np.float32)


def _votes(data: Fer2013) -> NDArray[np.uint8]:
    if not len(data.ferplus_votes):
        raise InputError(
            "the recipe takes targets from FER+ votes, but none were imported: run "
            "`fer-train import ... --ferplus fer2013new.csv`"
        )
    return data.ferplus_votes
