"""Resampling of FER2013's Training split by imbalanced-learn, for the study of rare expressions."""

from dataclasses import replace
from typing import Final

import imblearn
import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import TRAINING, Fer2013

RESAMPLINGS: Final = {
    "over": ("over_sampling", "RandomOverSampler"),
    "under": ("under_sampling", "RandomUnderSampler"),
    "smote": ("over_sampling", "SMOTE"),
    "tomek": ("under_sampling", "TomekLinks"),
    "smote-tomek": ("combine", "SMOTETomek"),
    "smote-enn": ("combine", "SMOTEENN"),
}
"""Name of each resampling and its class in imbalanced-learn (https://jmlr.org/papers/v18/16-365)."""


def resample_training(data: Fer2013, method: str, seed: int) -> Fer2013:
    """Replace the Training split by a resampled one; the test splits keep their rows and order.

    Args:
        data: FER2013; its blank Training images are left out.
        method: One of `RESAMPLINGS`.
        seed: Seed of the resampling.

    Returns:
        FER2013 without FER+ votes, which resampled faces do not have.

    Raises:
        InputError: If the method is unknown.
    """
    training = data.rows(TRAINING, deduplicated=True)
    test = np.flatnonzero(data.usage != TRAINING)
    faces, labels = resample(data.pixels[training], data.emotion[training], method, seed)
    first = np.arange(len(faces) + len(test), dtype=np.int32)
    # A test face with an exact copy in Training points at any Training row: here, at row 0.
    first[len(faces) :][data.copied_from_training[test]] = 0
    return replace(
        data,
        pixels=np.concatenate([faces, data.pixels[test]]),
        emotion=np.concatenate([labels, data.emotion[test]]),
        usage=np.concatenate([np.full(len(faces), TRAINING, np.uint8), data.usage[test]]),
        duplicate_of=first,
        ferplus_votes=data.ferplus_votes[:0],
    )


def resample(
    faces: NDArray[np.uint8], labels: NDArray[np.uint8], method: str, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Resample faces until the class counts are those that the method aims for.

    Args:
        faces: Training faces, uint8 (n, height, width); never those of a test split.
        labels: Class numbers (n,).
        method: One of `RESAMPLINGS`. SMOTE interpolates between neighbouring faces of one class
            (Chawla et al. 2002, https://arxiv.org/abs/1106.1813).
        seed: The same seed gives the same faces.

    Returns:
        Faces, uint8 (m, height, width), and labels (m,).

    Raises:
        InputError: If the method is unknown.
    """
    if method not in RESAMPLINGS:
        raise InputError(f"no resampling named {method!r}: there are {', '.join(RESAMPLINGS)}")
    module, name = RESAMPLINGS[method]
    sampler_class = getattr(getattr(imblearn, module), name)
    sampler = sampler_class() if method == "tomek" else sampler_class(random_state=seed)
    flat = faces.reshape(len(faces), -1).astype(np.float32)
    chosen, chosen_labels = sampler.fit_resample(flat, labels)
    pixels = np.clip(np.round(chosen), 0, 255).astype(np.uint8)
    return pixels.reshape(-1, *faces.shape[1:]), np.asarray(chosen_labels, np.uint8)
