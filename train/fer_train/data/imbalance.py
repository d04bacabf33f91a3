"""What to do about rare expressions: weights in the loss, or another sample of the faces."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.extras import require
from fer_sdk.errors import InputError
from fer_sdk.labels import FER2013_LABELS

RESAMPLINGS: Final = {
    "over": ("over_sampling", "RandomOverSampler"),
    "under": ("under_sampling", "RandomUnderSampler"),
    "smote": ("over_sampling", "SMOTE"),
    "tomek": ("under_sampling", "TomekLinks"),
    "smote-tomek": ("combine", "SMOTETomek"),
    "smote-enn": ("combine", "SMOTEENN"),
}
"""Name of each resampling and its class in imbalanced-learn (https://jmlr.org/papers/v18/16-365)."""


def balanced_class_weights(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return n / (7 n_c) for each class c, float64 (7,), so that all classes weigh the same.

    Args:
        labels: Class numbers (n,).

    Raises:
        InputError: If a class has no face.
    """
    counts = np.bincount(labels, minlength=len(FER2013_LABELS))
    if not counts.all():
        missing = FER2013_LABELS[int(counts.argmin())]
        raise InputError(f"class weights need faces of every expression, but {missing} has none")
    return np.asarray(len(labels) / (len(counts) * counts), np.float64)


def resample(
    faces: NDArray[np.uint8], labels: NDArray[np.uint8], method: str, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw, drop or make up faces until the classes are as the method wants them.

    Args:
        faces: Training faces, uint8 (n, height, width); never those of a test split.
        labels: Class numbers (n,).
        method: One of `RESAMPLINGS`; SMOTE mixes neighbouring faces of one class
            (Chawla et al. 2002, https://arxiv.org/abs/1106.1813).
        seed: Same seed, same faces.

    Returns:
        Faces, uint8 (m, height, width), and labels (m,).

    Raises:
        InputError: If there is no such method.
        MissingDependencyError: If imbalanced-learn is not installed.
    """
    if method not in RESAMPLINGS:
        raise InputError(f"no resampling named {method!r}: there are {', '.join(RESAMPLINGS)}")
    require("train", "resampling", "imblearn")
    import imblearn

    module, name = RESAMPLINGS[method]
    sampler_class = getattr(getattr(imblearn, module), name)
    sampler = sampler_class() if method == "tomek" else sampler_class(random_state=seed)
    flat = faces.reshape(len(faces), -1).astype(np.float32)
    chosen, chosen_labels = sampler.fit_resample(flat, labels)
    pixels = np.clip(np.round(chosen), 0, 255).astype(np.uint8)
    return pixels.reshape(-1, *faces.shape[1:]), np.asarray(chosen_labels, np.uint8)
