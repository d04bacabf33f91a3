"""Scores of predictions on photos of everyday life.

Only the faces with a label of `SCORED` are scored; a model may predict any of its labels.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.evaluation.metrics import score

SCORED: Final = ("neutral", "happy", "surprise", "angry", "sad")
"""Labels that photos of everyday life show often enough to score and to fit an offset to."""
NEGATIVE: Final = ("sad", "angry", "fear", "disgust")
"""Labels that a neutral face must not get."""
CONFIDENT: Final = 0.9
"""A prediction with at least this confidence counts as confident."""


@dataclass(frozen=True, slots=True)
class PackScores:
    """Scores on n faces; all but `n` are shares, 0 to 1.

    Attributes:
        n: Number of scored faces.
        accuracy: Faces that are named right, in the frequencies in which they come.
        balanced_accuracy: Mean of `recalls`.
        recalls: Faces of each label of `SCORED` that are named right, by label.
        neutral_called: Neutral faces that get each label of `NEGATIVE`, by label; 0 for a label
            that the model lacks.
        calibration_error: Expected calibration error, 15 bins.
        confident: Predictions with a confidence of `CONFIDENT` or more.
        confident_accuracy: Of these, those that are right; None if there are none.
    """

    n: int
    accuracy: float
    balanced_accuracy: float
    recalls: dict[str, float]
    neutral_called: dict[str, float]
    calibration_error: float
    confident: float
    confident_accuracy: float | None

    @property
    def neutral_called_negative(self) -> float:
        """Share of the neutral faces that get a label of `NEGATIVE`, 0 to 1."""
        return sum(self.neutral_called.values())


def score_pack(
    truth: NDArray[np.str_], probabilities: NDArray[np.float64], labels: tuple[str, ...]
) -> PackScores:
    """Score predictions on the faces with a label of `SCORED`.

    Args:
        truth: Label of each face (n,), of which others than those of `SCORED` are left out.
        probabilities: Predictions, float64 (n, len(labels)), range [0, 1], rows sum to 1.
        labels: Those of the model.

    Raises:
        InputError: If a label of `SCORED` has no face or is missing in the model, or a probability
            is not finite.
    """
    for missing in (name for name in SCORED if name not in labels or name not in truth):
        where = "labels of the model" if missing in truth else "faces"
        raise InputError(f"scores need {', '.join(SCORED)}, but the {where} have no {missing!r}")
    scored = np.isin(truth, SCORED)
    truth, probabilities = truth[scored], probabilities[scored]
    numbers = np.array([labels.index(name) for name in truth])
    found = score(numbers, probabilities, labels)
    recalls = {c.label: c.recall for c in found.classes}
    neutral = dict(zip(labels, found.confusion[labels.index("neutral")], strict=True))
    right = probabilities.argmax(axis=1) == numbers
    confident = probabilities.max(axis=1) >= CONFIDENT
    return PackScores(
        n=found.n,
        accuracy=found.accuracy,
        balanced_accuracy=found.balanced_accuracy,
        recalls={name: recalls[name] for name in SCORED},
        neutral_called={name: neutral.get(name, 0) / sum(neutral.values()) for name in NEGATIVE},
        calibration_error=found.calibration_error,
        confident=float(confident.mean()),
        confident_accuracy=float(right[confident].mean()) if confident.any() else None,
    )
