"""Training targets: class probabilities from FER2013's labels and FER+ votes."""

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.evaluation import ferplus
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS

FERPLUS_CLASSES = FERPLUS_LABELS[: ferplus.EXPRESSIONS]
"""The eight expressions of FER+."""


def soft_targets(
    data: Fer2013, rows: NDArray[np.intp], *, ferplus_weight: float
) -> NDArray[np.float32]:
    """Mix FER2013's labels with the distribution of the FER+ votes.

    Args:
        data: FER2013.
        rows: Row numbers of the faces.
        ferplus_weight: Weight of the vote distribution, 0 to 1. The target of a face without a
            usable vote is FER2013's label.

    Returns:
        float32 (len(rows), 7); each row sums to 1.

    Raises:
        InputError: If `ferplus_weight` is above 0 and no votes were imported.
    """
    target = np.eye(len(FER2013_LABELS), dtype=np.float32)[data.emotion[rows]]
    if ferplus_weight:
        votes = ferplus_distribution(_votes(data)[rows], FER2013_LABELS)
        voted = votes.sum(axis=1) > 0
        target[voted] = (1 - ferplus_weight) * target[voted] + ferplus_weight * votes[voted]
    return target


def smooth(targets: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Apply label smoothing: spread `share`, 0 to 1, of each target evenly over the classes."""
    return np.asarray((1 - share) * targets + share / targets.shape[1], np.float32)


def sample_labels(targets: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Sample one class per row from distributions and return it one-hot, float32 (n, classes)."""
    below = targets.cumsum(axis=1) <= rng.random((len(targets), 1))
    classes = targets.shape[1]
    one_hot = np.eye(classes, dtype=np.float32)
    return np.asarray(one_hot[np.minimum(below.sum(axis=1), classes - 1)])


def ferplus_faces(data: Fer2013, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the rows whose most frequent FER+ vote is an expression.

    Single votes are dropped as by FER+'s rule, but the margin of that rule is not required.

    Raises:
        InputError: If the votes were not imported.
    """
    share = ferplus_distribution(_votes(data)[rows], FERPLUS_LABELS)
    expression, other = np.split(share, [ferplus.EXPRESSIONS], axis=1)
    return np.asarray(rows[expression.max(axis=1) > other.max(axis=1)])


def ferplus_distribution(votes: NDArray[np.uint8], labels: tuple[str, ...]) -> NDArray[np.float32]:
    """Convert FER+ votes to distributions over a subset of its labels.

    Single votes are dropped as outliers (Barsoum et al. 2016), and so are votes for labels outside
    the subset.

    Args:
        votes: uint8 (n, 10), columns in the order of `fer_sdk.labels.FERPLUS_LABELS`.
        labels: Subset of `FERPLUS_LABELS`.

    Returns:
        float32 (n, len(labels)); zeros for a face without votes left.
    """
    counts = votes[:, [FERPLUS_LABELS.index(label) for label in labels]].astype(np.float32)
    counts[counts <= 1] = 0
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(counts, total, out=counts, where=total > 0), np.float32)


def _votes(data: Fer2013) -> NDArray[np.uint8]:
    if not len(data.ferplus_votes):
        raise InputError(
            "the recipe uses FER+ votes, but none were imported: run "
            "`fer-train import ... --ferplus fer2013new.csv`"
        )
    return data.ferplus_votes
