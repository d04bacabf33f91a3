"""Training set and validation set of a run."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.evaluation import ferplus
from fer_sdk.evaluation.fer2013 import PUBLIC_TEST, TRAINING, Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_train.data.deterministic_augmentations import numbered_augmentation
from fer_train.data.imported_faces import ImportedFaces
from fer_train.data.recipe import Recipe
from fer_train.data.soft_labels import SoftLabels
from fer_train.data.targets import (
    FERPLUS_CLASSES,
    ferplus_distribution,
    ferplus_faces,
    sample_labels,
    smooth,
    soft_targets,
)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Faces and targets: FER2013's in row order, then imported ones.

    Attributes:
        faces: uint8 (n, 48, 48), range [0, 255].
        labels: Class numbers (n,): FER2013's labels or the most frequent FER+ votes; for imported
            faces the class that the teachers give most.
        weights: Weight of each face in the loss, float32 (n,): 1 for FER2013's faces, the
            teachers' agreement for imported ones; None without imported faces.
        targets: Class probabilities from labels and votes, float32 (m, classes), of FER2013's m
            faces.
        distillation: Targets from teachers for FER2013's faces, or None.
        imported: Targets from teachers for the imported faces, or None.
        recipe: How the targets are mixed.
        seed: Seed of sampled labels.
    """

    faces: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    weights: NDArray[np.float32] | None
    targets: NDArray[np.float32]
    distillation: "DistillationTargets | None"
    imported: "DistillationTargets | None"
    recipe: Recipe
    seed: int

    def of_epoch(self, epoch: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return faces and targets of one epoch.

        Args:
            epoch: Number of the epoch, from 0. With distillation, epochs cycle through the
                numbered augmentations that the teachers saw.

        Returns:
            Faces, uint8 (n, 48, 48), and targets, float32: (n, classes) without distillation or
            with online teachers, as `fer_train.training.losses.OnlineDistillationLoss` takes them;
            with stored soft labels (n, 2 x classes), as `DistillationLoss` there takes them.
        """
        targets = self.targets
        if self.recipe.sample_labels:
            targets = sample_labels(targets, np.random.default_rng([self.seed, epoch, 1]))
        targets = smooth(targets, self.recipe.label_smoothing)
        share = np.float32(self.recipe.soft_weight)
        if self.distillation is None:
            # Imported faces have no targets: online teachers have all of their weight.
            unlabelled = np.zeros((len(self.faces) - len(targets), targets.shape[1]), np.float32)
            return self.faces, np.concatenate([(1 - share) * targets, unlabelled])
        faces, predictions = self.distillation.of_epoch(epoch)
        targets = np.concatenate([(1 - share) * targets, share * predictions], axis=1)
        if self.imported is None:
            return faces, targets
        others, predictions = self.imported.of_epoch(epoch)
        predictions = np.concatenate([np.zeros_like(predictions), predictions], axis=1)
        return np.concatenate([faces, others]), np.concatenate([targets, predictions])


@dataclass(frozen=True, slots=True)
class DistillationTargets:
    """Teachers' soft labels for the faces that a run trains on.

    Attributes:
        soft_labels: Soft labels of all Training faces that are not blank, or of imported faces.
        faces: Those faces, uint8 (m, 48, 48), in the order of the soft labels.
        rows: Which of them the run trains on, int (n,).
        classes: Class names of the run; a class that the teachers lack gets probability 0, and one
            that only they have is left out, with the rest normalized.
        augmented: Augmented faces by number. Each takes seconds to compute, so they are cached.
    """

    soft_labels: SoftLabels
    faces: NDArray[np.uint8]
    rows: NDArray[np.intp]
    classes: tuple[str, ...]
    augmented: dict[int, NDArray[np.uint8]] = field(default_factory=dict)

    def of_epoch(self, epoch: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Return augmented faces and the teachers' probabilities for them, float32 (n, classes)."""
        number = epoch % len(self.soft_labels.labels)
        if number not in self.augmented:
            augmentation = self.soft_labels.augmentation
            self.augmented[number] = numbered_augmentation(self.faces, augmentation, number)
        predicted = self.soft_labels.probabilities(number)[self.rows]
        probabilities = np.zeros((len(self.rows), len(self.classes)), np.float32)
        for name, column in zip(self.soft_labels.classes, predicted.T, strict=True):
            if name in self.classes:
                probabilities[:, self.classes.index(name)] = column
        probabilities /= np.maximum(probabilities.sum(axis=1, keepdims=True), 1e-6)
        return self.augmented[number][self.rows], probabilities


def class_names(recipe: Recipe) -> tuple[str, ...]:
    """Return the class names of a recipe, in the order of its logits."""
    return FERPLUS_CLASSES if recipe.classes == "ferplus" else FER2013_LABELS


def validation_set(data: Fer2013, recipe: Recipe) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the faces of deduplicated PublicTest and their classes.

    Returns:
        Faces, uint8 (n, 48, 48), and class numbers (n,): FER2013's labels, or the majority of the
        FER+ votes by FER+'s rule, without contempt if the recipe has seven classes.
    """
    rows = data.rows(PUBLIC_TEST, deduplicated=True)
    if recipe.classes == "fer2013":
        return data.pixels[rows], data.emotion[rows]
    majority, usable = ferplus.majority(data.ferplus_votes)
    rows = rows[usable[rows]]
    if recipe.classes == "ferplus":
        return data.pixels[rows], majority[rows]
    names = np.array(FERPLUS_CLASSES)[majority[rows]]
    rows, names = rows[names != "contempt"], names[names != "contempt"]
    numbers = np.array([FER2013_LABELS.index(name) for name in names], np.uint8)
    return data.pixels[rows], numbers


def training_set(
    data: Fer2013,
    recipe: Recipe,
    seed: int,
    soft_labels: SoftLabels | None = None,
    imported: tuple[ImportedFaces, SoftLabels | None] | None = None,
    *,
    online_teachers: bool = False,
) -> TrainingSet:
    """Return the Training faces that are not blank, and imported ones, with targets by the recipe.

    Args:
        data: FER2013.
        recipe: Classes and composition of the targets.
        seed: Seed of sampled labels.
        soft_labels: Teachers' soft labels, for a recipe with `soft_weight`.
        imported: Faces without labels and the teachers' soft labels for them, which are their only
            targets; for a recipe with `soft_weight`. None for the labels with online teachers.
        online_teachers: Whether the teachers predict in the training step, in place of
            `soft_labels`.

    Raises:
        InputError: If the recipe needs FER+ votes that were not imported, if soft labels are
            missing or unexpected, or if they share fewer than two classes with the recipe.
    """
    teachers = soft_labels is not None or online_teachers
    if (recipe.soft_weight > 0) != teachers:
        raise InputError(
            f"the recipe takes {recipe.soft_weight:.0%} of its targets from soft labels, but "
            f"{'some were' if teachers else 'none were'} given: use "
            "`fer-train distill` for recipes with soft labels, `fer-train fit` for others"
        )
    if imported is not None and not teachers:
        raise InputError("imported faces need a recipe with soft labels")
    if imported is not None and (imported[1] is None) != online_teachers:
        raise InputError("imported faces need soft labels, or online teachers, which need none")
    if online_teachers and any(stage.class_weights for stage in recipe.stages):
        raise InputError("class weights cannot be combined with online teachers")
    classes = class_names(recipe)
    for labels_of in (soft_labels, imported[1] if imported else None):
        if labels_of is not None and len(set(labels_of.classes) & set(classes)) < 2:
            raise InputError(
                f"the soft labels are of {', '.join(labels_of.classes)}, "
                f"but the recipe's classes are {', '.join(classes)}"
            )
    not_blank = rows = data.rows(TRAINING, deduplicated=True)
    if recipe.classes != "fer2013":
        rows = ferplus_faces(data, rows)
        targets = ferplus_distribution(data.ferplus_votes[rows], classes)
        rows, targets = rows[targets.any(axis=1)], targets[targets.any(axis=1)]
        labels = targets.argmax(axis=1).astype(np.uint8)
    else:
        targets = soft_targets(data, rows, ferplus_weight=recipe.ferplus_weight)
        labels = data.emotion[rows]
    distillation = None
    if soft_labels is not None:
        chosen = np.searchsorted(not_blank, rows)
        distillation = DistillationTargets(soft_labels, data.pixels[not_blank], chosen, classes)
    faces, weights, others = data.pixels[rows], None, None
    pixels, their_labels = (imported[0].pixels, imported[1]) if imported else (faces[:0], None)
    if their_labels is None:
        faces = np.concatenate([faces, pixels])
    else:
        others = DistillationTargets(their_labels, pixels, np.arange(len(pixels)), classes)
        faces = np.concatenate([faces, pixels])
        best = others.of_epoch(0)[1].argmax(axis=1).astype(np.uint8)
        labels = np.concatenate([labels, best])
        agreement = their_labels.agreement
        share = np.ones(len(pixels)) if agreement is None else agreement / 255
        weights = np.concatenate([np.ones(len(rows)), share]).astype(np.float32)
    return TrainingSet(faces, labels, weights, targets, distillation, others, recipe, seed)
