"""The faces that a run trains on, and what it trains them towards."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.fer2013 import TRAINING, Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_train.data.imbalance import resample
from fer_train.data.targets import soft_targets
from fer_train.recipes import Recipe


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Faces in no particular order.

    Attributes:
        faces: uint8 (n, 48, 48), range [0, 255].
        labels: FER2013's class numbers (n,).
        targets: Class probabilities, float32 (n, 7).
    """

    faces: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    targets: NDArray[np.float32]


def training_set(data: Fer2013, recipe: Recipe, seed: int) -> TrainingSet:
    """Take Training without blank images, resampled and with targets as the recipe says.

    Args:
        data: FER2013.
        recipe: Says how rare classes are treated and what targets are mixed of.
        seed: Of the resampling.

    Raises:
        InputError: If votes are asked for and were not imported, or for resampled faces, which
            have none.
    """
    rows = data.rows(TRAINING, clean=True)
    if recipe.resampling is None:
        targets = soft_targets(
            data,
            rows,
            ferplus_weight=recipe.ferplus_weight,
            label_smoothing=recipe.label_smoothing,
        )
        return TrainingSet(data.pixels[rows], data.emotion[rows], targets)
    if recipe.ferplus_weight:
        raise InputError("resampled faces have no FER+ votes: a recipe has one or the other")
    faces, labels = resample(data.pixels[rows], data.emotion[rows], recipe.resampling, seed)
    even = recipe.label_smoothing / len(FER2013_LABELS)
    certain = np.eye(len(FER2013_LABELS), dtype=np.float32)[labels]
    return TrainingSet(
        faces, labels, np.asarray((1 - recipe.label_smoothing) * certain + even, np.float32)
    )
