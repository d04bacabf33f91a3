"""The faces that a run trains on, and what it trains them towards."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.fer2013 import TRAINING, Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_train.data.imbalance import resample
from fer_train.data.targets import soft_targets
from fer_train.data.views import numbered_view
from fer_train.recipes import Recipe
from fer_train.soft_labels import SoftLabels


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Faces in no particular order.

    Attributes:
        faces: uint8 (n, 48, 48), range [0, 255].
        labels: FER2013's class numbers (n,).
        targets: Class probabilities, float32 (n, 7).
        soft: Teachers' answers about the same faces in the same order, or None.
        recipe: Says how much of the targets is the teachers'.
    """

    faces: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    targets: NDArray[np.float32]
    soft: SoftLabels | None
    recipe: Recipe

    def of_epoch(self, epoch: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return what an epoch trains on: the faces, or a view of them that teachers saw too.

        Args:
            epoch: Counted from 0; the views take turns.

        Returns:
            Faces, uint8 (n, 48, 48), and targets, float32 (n, 7).
        """
        if self.soft is None:
            return self.faces, self.targets
        view = epoch % len(self.soft.labels)
        share = np.float32(self.recipe.soft_weight)
        taught = self.soft.probabilities(view, self.recipe.soft_temperature)
        faces = numbered_view(self.faces, self.soft.augmentation, view)
        return faces, share * taught + (1 - share) * self.targets


def training_set(
    data: Fer2013, recipe: Recipe, seed: int, soft: SoftLabels | None = None
) -> TrainingSet:
    """Take Training without blank images, resampled and with targets as the recipe says.

    Args:
        data: FER2013.
        recipe: Says how rare classes are treated and what targets are mixed of.
        seed: Of the resampling.
        soft: Teachers' answers, for a recipe that wants them.

    Raises:
        InputError: If votes are asked for and were not imported, or votes or soft labels for
            resampled faces, which have none; or if soft labels are missing or not wanted.
    """
    if (recipe.soft_weight > 0) != (soft is not None):
        raise InputError(
            f"the recipe takes {recipe.soft_weight:.0%} of its targets from soft labels, but "
            f"{'none were' if soft is None else 'some were'} given: use `fer-train distill` for "
            "recipes with soft labels, `fit` for others"
        )
    rows = data.rows(TRAINING, clean=True)
    if recipe.resampling is None:
        targets = soft_targets(
            data,
            rows,
            ferplus_weight=recipe.ferplus_weight,
            label_smoothing=recipe.label_smoothing,
        )
        return TrainingSet(data.pixels[rows], data.emotion[rows], targets, soft, recipe)
    if recipe.ferplus_weight or soft:
        raise InputError("resampled faces have no FER+ votes and no soft labels")
    faces, labels = resample(data.pixels[rows], data.emotion[rows], recipe.resampling, seed)
    even = recipe.label_smoothing / len(FER2013_LABELS)
    certain = np.eye(len(FER2013_LABELS), dtype=np.float32)[labels]
    targets = np.asarray((1 - recipe.label_smoothing) * certain + even, np.float32)
    return TrainingSet(faces, labels, targets, None, recipe)
