"""Evaluation of a model on the test splits of FER2013: on all faces and on deduplicated faces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.evaluation import ferplus
from fer_sdk.evaluation.fer2013 import USAGES, Fer2013
from fer_sdk.evaluation.metrics import Scores, score
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS

PredictFunction = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""Function from faces, uint8 (n, 48, 48), to probabilities, float64 (n, classes)."""


@dataclass(frozen=True, slots=True)
class SplitScores:
    """Scores on one split, or on both test splits together.

    Attributes:
        split: Names of the splits, and the protocol unless it is that of FER2013.
        all: Scores on every face of the split, as papers report them.
        deduplicated: Scores on the faces whose pixels do not occur in Training.
        copies_accuracy: Accuracy on the other faces, 0 to 1; NaN if there are none.
        probabilities: Predictions for every face of the split, float64 (n, classes).
        truth: True class numbers, uint8 (n,).
    """

    split: str
    all: Scores
    deduplicated: Scores
    copies_accuracy: float
    probabilities: NDArray[np.float64]
    truth: NDArray[np.uint8]


def evaluate_split(
    data: Fer2013, usages: Sequence[int], predict: PredictFunction, labels: tuple[str, ...]
) -> SplitScores:
    """Score a model on PublicTest, PrivateTest or both together.

    Args:
        data: FER2013.
        usages: `PUBLIC_TEST`, `PRIVATE_TEST` or both; together they are the 7,178 faces that some
            papers report.
        predict: The model.
        labels: The model's labels; must equal `FER2013_LABELS`.

    Raises:
        InputError: If the labels differ, or every face of the split also occurs in Training.
    """
    if labels != FER2013_LABELS:
        raise InputError(f"FER2013 is scored with the labels {FER2013_LABELS}, but got {labels}")
    rows = data.rows(*usages)
    return _score_rows(data, rows, data.emotion[rows], predict, labels, _name(usages))


def evaluate_ferplus(
    data: Fer2013, usages: Sequence[int], predict: PredictFunction, labels: tuple[str, ...]
) -> SplitScores:
    """Score a model against the majority of FER+'s votes.

    The rule of FER+ (`ferplus.majority`) accepts 3,153 faces of PrivateTest for a model of eight
    classes. A model without the label "contempt" is scored on the faces with other labels.

    Args:
        data: FER2013 with votes.
        usages: As for `evaluate_split`.
        predict: The model.
        labels: The model's labels: the eight of FER+ or those without "contempt", in any order.

    Raises:
        InputError: If the labels differ, the votes were not imported, or every face of the split
            also occurs in Training.
    """
    known = set(FERPLUS_LABELS[:8])
    if set(labels) not in (known, known - {"contempt"}):
        raise InputError(f"FER+ is scored with {sorted(known)} or those without contempt, "
                         f"but got {labels}")  # fmt: skip
    rows = data.rows(*usages)
    majority, usable = ferplus.majority(data.ferplus_votes)
    rows = rows[usable[rows]]
    names = np.array(FERPLUS_LABELS)[majority[rows]]
    inside = np.isin(names, labels)
    rows, names = rows[inside], names[inside]
    truth = np.array([labels.index(name) for name in names], np.uint8)
    name = f"{_name(usages)}, FER+ majority, {len(labels)}-class"
    return _score_rows(data, rows, truth, predict, labels, name)


def _name(usages: Sequence[int]) -> str:
    return " + ".join(USAGES[usage] for usage in usages)


def _score_rows(
    data: Fer2013,
    rows: NDArray[np.intp],
    truth: NDArray[np.uint8],
    predict: PredictFunction,
    labels: tuple[str, ...],
    split: str,
) -> SplitScores:
    deduplicated = ~data.copied_from_training[rows]
    if not deduplicated.any():
        raise InputError(f"every face of {split} in the data also occurs in Training")
    probabilities = predict(data.pixels[rows])
    copies = probabilities[~deduplicated].argmax(axis=1) == truth[~deduplicated]
    return SplitScores(
        split=split,
        all=score(truth, probabilities, labels),
        deduplicated=score(truth[deduplicated], probabilities[deduplicated], labels),
        copies_accuracy=float(copies.mean()) if len(copies) else float("nan"),
        probabilities=probabilities,
        truth=truth,
    )
