"""Soft labels from teachers: mean predictions for numbered augmentations of faces."""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import sha256_of
from fer_sdk.bundles.prior import TRAINING
from fer_sdk.errors import InputError
from fer_train.data.deterministic_augmentations import numbered_augmentation
from fer_train.data.recipe import Augmentation
from fer_train.data.soft_labels import SoftLabels
from fer_train.evaluation.inference import open_model
from fer_train.evaluation.prediction_cache import predict_cached

UNDECIDED_SMILE: Final = 0.15
"""Strength of a smile, by MediaPipe's blendshapes, at which the shipped networks divide FairFace's
faces evenly into happy and neutral ones."""


def predict_with_teachers(
    models: Sequence[Path],
    faces: NDArray[np.uint8],
    fingerprint: str,
    augmentation: Augmentation,
    augmentations: int,
    cache: Path | None = None,
    prior: str = TRAINING,
    smiles: tuple[NDArray[np.float32], float] | None = None,
    report: Callable[[int], None] = lambda predictions: None,
    *,
    augmented: Iterable[NDArray[np.uint8]] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> SoftLabels:
    """Average the teachers' predictions for each numbered augmentation of the faces.

    If the teachers' labels differ, the soft labels are of those that all of them have:
    probabilities of others, such as FER+'s contempt, are left out, and the rest is normalized.

    Args:
        models: .keras, .tflite or .onnx files with sidecars.
        faces: uint8 (n, 48, 48), range [0, 255].
        fingerprint: Fingerprint of the FER2013 data or of the imported faces.
        augmentation: Limits of the augmentations.
        augmentations: Number of augmentations; the first is the unchanged face.
        cache: Cache folder of predictions; None always runs the models.
        prior: Class prior that every teacher predicts under.
        smiles: Measured smiles of the faces and their weight, for `mix_smiles`.
        report: Called with 1 after each model and augmentation.
        augmented: The augmented faces by number, from a place where they are computed ahead. By
            default they are computed here.
        stop: Called after each augmentation; True leaves the others out.

    Raises:
        FerError: If a bundle is damaged or lacks the prior, or if a teacher shares fewer than two
            labels with the others.
    """
    digests = [sha256_of(model) for model in models]
    with ExitStack() as stack:
        teachers = [stack.enter_context(open_model(model, prior)) for model in models]
        classes = teachers[0][0].labels
        for model, (bundle, _) in zip(models, teachers, strict=True):
            if len(classes := tuple(name for name in classes if name in bundle.labels)) < 2:
                raise InputError(
                    f"{model} has the labels {', '.join(bundle.labels)}, of which the teachers "
                    "before it have fewer than two"
                )
        labels = np.zeros((augmentations, len(faces), len(classes)), np.uint8)
        if augmented is None:
            numbers = range(augmentations)
            augmented = (numbered_augmentation(faces, augmentation, number) for number in numbers)
        for number, pixels in enumerate(augmented):
            if number and stop():
                labels = labels[:number]
                break
            predictions = []
            for digest, (bundle, predict) in zip(digests, teachers, strict=True):
                # The cache's key must state the prior, which changes the predictions.
                key = digest if prior == TRAINING else f"{digest}, {prior} {bundle.prior(prior)}"
                found = predict_cached(predict, key, pixels, cache)
                found = found[:, [bundle.labels.index(name) for name in classes]]
                predictions.append(found / found.sum(axis=1, keepdims=True))
                report(1)
            mean = np.mean(predictions, axis=0)
            if smiles is not None:
                mean = mix_smiles(mean, classes, *smiles)
            labels[number] = np.round(255 * np.sqrt(mean))
            if number == 0:
                agreement = np.round(255 * teacher_agreement(predictions)).astype(np.uint8)
    names = [f"{model.parent.name}/{model.name}" for model in models]
    members = dict(zip(names, digests, strict=True))
    return SoftLabels(
        labels, classes, augmentation, fingerprint, members, agreement if len(models) > 1 else None
    )


def mix_smiles(
    probabilities: NDArray[np.float64],
    classes: tuple[str, ...],
    smile: NDArray[np.float32],
    weight: float,
) -> NDArray[np.float64]:
    """Divide the probability of happy and neutral between them partly by a measured smile.

    The share of happy is smile^2 / (smile^2 + UNDECIDED^2), which teaches slight smiles.

    Args:
        probabilities: Teachers' predictions, float64 (n, classes).
        classes: Class names, happy and neutral among them.
        smile: Strength of the smile (n,), 0 to 1; NaN keeps the teachers' division.
        weight: Weight of the measured share, 0 to 1; the rest is the teachers'.

    Returns:
        float64 (n, classes); each row keeps its sum.
    """
    mixed: NDArray[np.float64] = probabilities.copy()
    columns = [classes.index("happy"), classes.index("neutral")]
    measured = ~np.isnan(smile)
    both = mixed[measured][:, columns]
    squares = smile[measured].astype(np.float64) ** 2
    share = squares / (squares + UNDECIDED_SMILE**2)
    by_smile = both.sum(axis=1, keepdims=True) * np.stack([share, 1 - share], axis=1)
    rows = np.flatnonzero(measured)[:, None]
    mixed[rows, columns] = (1 - weight) * both + weight * by_smile
    return mixed


def teacher_agreement(predictions: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return how much teachers agree about each face.

    Args:
        predictions: Probabilities of each teacher, float64 (n, classes).

    Returns:
        float64 (n,): 1 minus the Jensen-Shannon divergence of the predictions, normalized to 0 for
        disjoint predictions and 1 for equal ones (Lin 1991, https://doi.org/10.1109/18.61115).
    """
    if len(predictions) == 1:
        return np.ones(len(predictions[0]))

    def entropy(p: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(-(p * np.log(np.maximum(p, 1e-12))).sum(axis=1), np.float64)

    divergence = entropy(np.mean(predictions, axis=0)) - np.mean(
        [entropy(p) for p in predictions], axis=0
    )
    return np.asarray(np.clip(1 - divergence / math.log(len(predictions)), 0, 1), np.float64)
