"""The faces that a run trains on, and what it trains them towards."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.evaluation import ferplus
from fer_sdk.evaluation.fer2013 import PUBLIC_TEST, TRAINING, Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_train.data.imbalance import resample
from fer_train.data.recipe import Recipe
from fer_train.data.soft_labels import SoftLabels
from fer_train.data.targets import (
    FERPLUS_CLASSES,
    ferplus_distribution,
    ferplus_faces,
    smoothed,
    soft_targets,
)
from fer_train.data.tta import numbered_view


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Faces in no particular order.

    Attributes:
        faces: uint8 (n, 48, 48), range [0, 255].
        labels: The class of each, numbers (n,): FER2013's label, or FER+'s most frequent vote.
        targets: Class probabilities, float32 (n, classes).
        taught: What teachers answered about them, or None.
        recipe: Says what becomes of the targets.
        seed: Of drawn labels.
    """

    faces: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    targets: NDArray[np.float32]
    taught: "Taught | None"
    recipe: Recipe
    seed: int

    def of_epoch(self, epoch: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return what an epoch trains on: the faces, or a view of them that teachers saw too.

        Args:
            epoch: Counted from 0; the views take turns.

        Returns:
            Faces, uint8 (n, 48, 48), and targets, float32 (n, classes).
        """
        targets = self.targets
        if self.recipe.draw_labels:
            targets = drawn(targets, np.random.default_rng([self.seed, epoch, 1]))
        targets = smoothed(targets, self.recipe.label_smoothing)
        if self.taught is None:
            return self.faces, targets
        view = 0 if self.recipe.faces_as_they_are else epoch
        faces, answers = self.taught.of_epoch(view, self.recipe.soft_temperature)
        share = np.float32(self.recipe.soft_weight)
        return faces, share * answers + (1 - share) * targets


@dataclass(frozen=True, slots=True)
class Taught:
    """Teachers' answers about some of the faces that they saw.

    Attributes:
        soft: About all of Training without blank images.
        faces: Those images, uint8 (m, 48, 48), in the answers' order.
        places: Which of them count, int (n,).
        classes: The names of the classes to answer in; one that the teachers do not know gets 0.
        made: Views of `faces` by number: each takes seconds to make, so it is kept.
    """

    soft: SoftLabels
    faces: NDArray[np.uint8]
    places: NDArray[np.intp]
    classes: tuple[str, ...]
    made: dict[int, NDArray[np.uint8]] = field(default_factory=dict)

    def of_epoch(
        self, epoch: int, temperature: float
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return an epoch's views, uint8 (n, 48, 48), and the answers, float32 (n, classes)."""
        view = epoch % len(self.soft.labels)
        if view not in self.made:
            self.made[view] = numbered_view(self.faces, self.soft.augmentation, view)
        answers = np.zeros((len(self.places), len(self.classes)), np.float32)
        columns = [self.classes.index(name) for name in self.soft.classes]
        answers[:, columns] = self.soft.probabilities(view, temperature)[self.places]
        return self.made[view][self.places], answers


def drawn(targets: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw one class a row from distributions, float32 (n, classes), and return it as certain."""
    below = targets.cumsum(axis=1) <= rng.random((len(targets), 1))
    classes = targets.shape[1]
    certain = np.eye(classes, dtype=np.float32)
    return np.asarray(certain[np.minimum(below.sum(axis=1), classes - 1)])


def class_names(recipe: Recipe) -> tuple[str, ...]:
    """Return the names of a recipe's classes, in the order of its logits."""
    return FER2013_LABELS if recipe.classes == "fer2013" else FERPLUS_CLASSES


def watched_set(data: Fer2013, recipe: Recipe) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the faces that a run is watched on, clean PublicTest, and their classes.

    Returns:
        Faces, uint8 (n, 48, 48), and class numbers (n,): FER2013's labels, or the majority of
        FER+'s votes by its own rule.
    """
    rows = data.rows(PUBLIC_TEST, deduplicated=True)
    if recipe.classes == "fer2013":
        return data.pixels[rows], data.emotion[rows]
    most, usable = ferplus.majority(data.ferplus_votes)
    rows = rows[usable[rows]]
    return data.pixels[rows], most[rows]


def training_set(
    data: Fer2013, recipe: Recipe, seed: int, soft: SoftLabels | None = None
) -> TrainingSet:
    """Take Training without blank images, resampled and with targets as the recipe says.

    Args:
        data: FER2013.
        recipe: Says how rare classes are treated and what targets are mixed of.
        seed: Of the resampling and of drawn labels.
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
    if soft is not None and not set(soft.classes) <= set(class_names(recipe)):
        raise InputError(
            f"the soft labels are of {', '.join(soft.classes)}, "
            f"but the recipe's classes are {', '.join(class_names(recipe))}"
        )
    rows = everything = data.rows(TRAINING, deduplicated=True)
    if recipe.resampling is not None:
        if recipe.ferplus_weight or soft or recipe.classes == "ferplus":
            raise InputError("resampled faces have no FER+ votes and no soft labels")
        faces, labels = resample(data.pixels[rows], data.emotion[rows], recipe.resampling, seed)
        certain = np.eye(len(FER2013_LABELS), dtype=np.float32)[labels]
        return TrainingSet(faces, labels, certain, None, recipe, seed)
    if recipe.classes == "ferplus":
        rows = ferplus_faces(data, rows)
        targets = ferplus_distribution(data.ferplus_votes[rows], FERPLUS_CLASSES)
        labels = targets.argmax(axis=1).astype(np.uint8)
    else:
        targets = soft_targets(data, rows, ferplus_weight=recipe.ferplus_weight)
        labels = data.emotion[rows]
    places = np.searchsorted(everything, rows)
    taught = None
    if soft is not None:
        taught = Taught(soft, data.pixels[everything], places, class_names(recipe))
    return TrainingSet(data.pixels[rows], labels, targets, taught, recipe, seed)
