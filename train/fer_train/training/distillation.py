"""Soft labels from teachers: mean predictions for numbered augmentations of faces."""

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import sha256_of
from fer_sdk.errors import InputError
from fer_train.data.deterministic_augmentations import numbered_augmentation
from fer_train.data.recipe import Augmentation
from fer_train.data.soft_labels import SoftLabels
from fer_train.evaluation.inference import open_model
from fer_train.evaluation.prediction_cache import predict_cached


def predict_with_teachers(
    models: Sequence[Path],
    faces: NDArray[np.uint8],
    fingerprint: str,
    augmentation: Augmentation,
    augmentations: int,
    cache: Path | None = None,
    report: Callable[[int], None] = lambda predictions: None,
) -> SoftLabels:
    """Average the teachers' predictions for each numbered augmentation of the faces.

    Args:
        models: .keras, .tflite or .onnx files with sidecars.
        faces: uint8 (n, 48, 48), range [0, 255].
        fingerprint: Fingerprint of the FER2013 data or of the imported faces.
        augmentation: Limits of the augmentations.
        augmentations: Number of augmentations; the first is the unchanged face.
        cache: Cache folder of predictions; None always runs the models.
        report: Called with 1 after each model and augmentation.

    Raises:
        FerError: If a bundle is damaged or its labels differ from those of the first.
    """
    digests = [sha256_of(model) for model in models]
    with ExitStack() as stack:
        teachers = [stack.enter_context(open_model(model)) for model in models]
        classes = teachers[0][0].labels
        for model, (bundle, _) in zip(models, teachers, strict=True):
            if bundle.labels != classes:
                raise InputError(
                    f"{model} has the labels {bundle.labels}, but {models[0]} has {classes}"
                )
        labels = np.zeros((augmentations, len(faces), len(classes)), np.uint8)
        for number in range(augmentations):
            augmented = numbered_augmentation(faces, augmentation, number)
            predictions = []
            for digest, (_, predict) in zip(digests, teachers, strict=True):
                predictions.append(predict_cached(predict, digest, augmented, cache))
                report(1)
            labels[number] = np.round(255 * np.sqrt(np.mean(predictions, axis=0)))
            if number == 0:
                agreement = np.round(255 * teacher_agreement(predictions)).astype(np.uint8)
    names = [f"{model.parent.name}/{model.name}" for model in models]
    members = dict(zip(names, digests, strict=True))
    return SoftLabels(
        labels, classes, augmentation, fingerprint, members, agreement if len(models) > 1 else None
    )


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
