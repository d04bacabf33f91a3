"""Class weights for the loss, which balance rare and frequent expressions."""

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.labels import FER2013_LABELS


def balanced_class_weights(labels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return n / (7 n_c) for each class c, so that every class has the same total weight.

    Args:
        labels: Class numbers (n,).

    Returns:
        float64 (7,).

    Raises:
        InputError: If a class has no face.
    """
    counts = np.bincount(labels, minlength=len(FER2013_LABELS))
    if not counts.all():
        missing = FER2013_LABELS[int(counts.argmin())]
        raise InputError(f"class weights need faces of every expression, but {missing} has none")
    return np.asarray(len(labels) / (len(counts) * counts), np.float64)
