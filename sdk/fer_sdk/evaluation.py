"""A model's scores on a test split of FER2013, always twice: on all faces and on the clean ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.fer2013 import USAGES, Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.metrics import Scores, score

Predict = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""Probabilities, float64 (n, 7), for faces, uint8 (n, 48, 48)."""


@dataclass(frozen=True, slots=True)
class SplitScores:
    """Scores on one split.

    Attributes:
        split: "PublicTest", "PrivateTest" or "PublicTest + PrivateTest".
        all: On every face, as papers report.
        clean: Without the faces that have an exact copy in Training: the number to trust.
        copies_accuracy: On those copies alone, 0 to 1; NaN if there are none.
        probabilities: Of every face of the split, float64 (n, 7).
        truth: Class numbers (n,).
    """

    split: str
    all: Scores
    clean: Scores
    copies_accuracy: float
    probabilities: NDArray[np.float64]
    truth: NDArray[np.uint8]


def evaluate_split(
    data: Fer2013, usages: Sequence[int], predict: Predict, labels: tuple[str, ...]
) -> SplitScores:
    """Score a model on PublicTest, PrivateTest or both together.

    Args:
        data: FER2013.
        usages: Of `fer_sdk.fer2013.PUBLIC_TEST` and `PRIVATE_TEST`; both are the 7,178 faces that
            some papers report on.
        predict: The model.
        labels: The model's labels; must be FER2013's, in its order.

    Raises:
        InputError: If the labels are others or the split has no clean face.
    """
    if labels != FER2013_LABELS:
        raise InputError(f"FER2013 is scored with the labels {FER2013_LABELS}, but got {labels}")
    rows = data.rows(*usages)
    split = " + ".join(USAGES[usage] for usage in usages)
    clean = ~data.copied_from_training[rows]
    if not clean.any():
        raise InputError(f"the data holds no {split} face that is not also in Training")
    truth = data.emotion[rows]
    probabilities = predict(data.pixels[rows])
    copies = probabilities[~clean].argmax(axis=1) == truth[~clean]
    return SplitScores(
        split=split,
        all=score(truth, probabilities, labels),
        clean=score(truth[clean], probabilities[clean], labels),
        copies_accuracy=float(copies.mean()) if len(copies) else float("nan"),
        probabilities=probabilities,
        truth=truth,
    )
