"""Classification metrics, used by training and benchmark.

The definitions are those of scikit-learn. The calibration error is that of Guo et al. 2017
(https://arxiv.org/abs/1706.04599) with bins of equal width.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError

CALIBRATION_BINS: Final = 15


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Scores of one class, 0 to 1; a score is 0 where its denominator is 0."""

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of a classifier on n faces, 0 to 1.

    Attributes:
        n: Number of faces.
        accuracy: Share of faces whose most probable label is correct (top-1).
        balanced_accuracy: Mean recall of the classes that occur in the data.
        macro_f1: Mean F1 of the classes that occur in the data or in the predictions.
        top2: Share of faces whose true label is one of the two most probable.
        top3: Share of faces whose true label is one of the three most probable.
        calibration_error: Expected calibration error, 15 bins.
        classes: Scores per class.
        confusion: Number of faces; rows are true classes, columns are predicted classes.
    """

    n: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    top2: float
    top3: float
    calibration_error: float
    classes: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]


def score(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], labels: tuple[str, ...]
) -> Scores:
    """Score predictions against the true labels.

    Args:
        truth: Class numbers, integer (n,), 0 to len(labels) - 1.
        probabilities: Predictions, floating (n, len(labels)), range [0, 1], rows sum to 1.
        labels: Names of the classes.

    Raises:
        InputError: If the shapes do not match, n is 0, or a probability is not finite.
    """
    if len(truth) == 0 or probabilities.shape != (len(truth), len(labels)):
        raise InputError(
            f"expected probabilities ({len(truth)}, {len(labels)}) for at least one face, "
            f"but got {probabilities.shape}"
        )
    if not np.isfinite(probabilities).all():
        raise InputError("the predicted probabilities contain NaN or infinity")
    order = np.argsort(-probabilities, axis=1, kind="stable")
    predicted = order[:, 0]
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    hits = confusion.diagonal().astype(np.float64)
    support, assigned = confusion.sum(axis=1), confusion.sum(axis=0)
    precision = np.divide(hits, assigned, out=np.zeros_like(hits), where=assigned > 0)
    recall = np.divide(hits, support, out=np.zeros_like(hits), where=support > 0)
    f1 = np.divide(2 * hits, support + assigned, out=np.zeros_like(hits),
                   where=support + assigned > 0)  # fmt: skip
    present = support + assigned > 0
    rank_of_truth = (order == truth[:, None]).argmax(axis=1)
    return Scores(
        n=len(truth),
        accuracy=float(hits.sum() / len(truth)),
        balanced_accuracy=float(recall[support > 0].mean()),
        macro_f1=float(f1[present].mean()),
        top2=float((rank_of_truth < 2).mean()),
        top3=float((rank_of_truth < 3).mean()),
        calibration_error=calibration_error(truth, probabilities),
        classes=tuple(
            ClassScores(label, float(p), float(r), float(f), int(s))
            for label, p, r, f, s in zip(labels, precision, recall, f1, support, strict=True)
        ),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def calibration_error(
    truth: NDArray[np.integer], probabilities: NDArray[np.floating], bins: int = CALIBRATION_BINS
) -> float:
    """Return the expected calibration error, 0 to 1.

    Args:
        truth: Class numbers, integer (n,).
        probabilities: Predictions, floating (n, classes), range [0, 1].
        bins: Number of confidence bins of equal width.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(bin_of, weights=right - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(truth))
