"""Predictions of teachers about numbered augmentations of the training faces: soft labels."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from fer_sdk._internal.files import sha256_of
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import TRAINING, Fer2013
from fer_train.data.recipe import Augmentation
from fer_train.data.soft_labels import SoftLabels
from fer_train.data.tta import numbered_view
from fer_train.evaluation.inference import opened
from fer_train.evaluation.predictions import answer


def ask_teachers(
    models: Sequence[Path],
    data: Fer2013,
    augmentation: Augmentation,
    views: int,
    kept: Path | None = None,
    report: Callable[[int], None] = lambda answers: None,
) -> SoftLabels:
    """Let teachers vote on numbered views of the training faces.

    Args:
        models: .keras, .tflite or .onnx files with sidecars.
        data: FER2013.
        augmentation: How far a view may differ.
        views: How many views, the face itself included.
        kept: Folder of answers that need not be asked again; new ones are added.
        report: Told about every answer of a model to a view.

    Raises:
        FerError: If a bundle is damaged or has other labels than the first.
    """
    faces = data.pixels[data.rows(TRAINING, deduplicated=True)]
    digests = [sha256_of(model) for model in models]
    with ExitStack() as stack:
        teachers = [stack.enter_context(opened(model)) for model in models]
        classes = teachers[0][0].labels
        for model, (bundle, _) in zip(models, teachers, strict=True):
            if bundle.labels != classes:
                raise InputError(
                    f"{model} has the labels {bundle.labels}, but {models[0]} has {classes}"
                )
        labels = np.zeros((views, len(faces), len(classes)), np.uint8)
        for view in range(views):
            seen = numbered_view(faces, augmentation, view)
            votes = np.zeros(labels.shape[1:])
            for digest, (_, predict) in zip(digests, teachers, strict=True):
                votes += answer(predict, digest, seen, kept)
                report(1)
            labels[view] = np.round(255 * np.sqrt(votes / len(teachers)))
    names = [f"{model.parent.name}/{model.name}" for model in models]
    members = dict(zip(names, digests, strict=True))
    return SoftLabels(labels, classes, augmentation, data.fingerprint, members)
