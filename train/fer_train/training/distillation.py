"""Soft labels from teachers: mean predictions for numbered augmentations of the Training faces."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fer_sdk._internal.files import sha256_of
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import TRAINING, Fer2013
from fer_train.data.deterministic_augmentations import numbered_augmentation
from fer_train.data.recipe import Augmentation
from fer_train.data.soft_labels import SoftLabels
from fer_train.evaluation.inference import open_model
from fer_train.evaluation.prediction_cache import predict_cached


def predict_with_teachers(
    models: Sequence[Path],
    data: Fer2013,
    augmentation: Augmentation,
    augmentations: int,
    cache: Path | None = None,
    report: Callable[[int], None] = lambda predictions: None,
) -> SoftLabels:
    """Average the teachers' predictions for each numbered augmentation of the Training faces.

    Args:
        models: .keras, .tflite or .onnx files with sidecars.
        data: FER2013.
        augmentation: Limits of the augmentations.
        augmentations: Number of augmentations; the first is the unchanged face.
        cache: Cache folder of predictions; None always runs the models.
        report: Called with 1 after each model and augmentation.

    Raises:
        FerError: If a bundle is damaged or its labels differ from those of the first.
    """
    faces = data.pixels[data.rows(TRAINING, deduplicated=True)]
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
            total = np.zeros(labels.shape[1:])
            for digest, (_, predict) in zip(digests, teachers, strict=True):
                total += predict_cached(predict, digest, augmented, cache)
                report(1)
            labels[number] = np.round(255 * np.sqrt(total / len(teachers)))
    names = [f"{model.parent.name}/{model.name}" for model in models]
    members = dict(zip(names, digests, strict=True))
    return SoftLabels(labels, classes, augmentation, data.fingerprint, members)
