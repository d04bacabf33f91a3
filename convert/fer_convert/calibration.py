"""Faces that show an int8 model the range of every activation; from Training only."""

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.fer2013 import TRAINING, Fer2013
from fer_sdk.labels import FER2013_LABELS


def calibration_faces(data: Fer2013, samples: int, seed: int = 0) -> NDArray[np.uint8]:
    """Draw faces from Training, the same number of each expression.

    Args:
        data: FER2013.
        samples: How many faces; rounded up to a multiple of the classes.
        seed: Same seed, same faces.

    Returns:
        uint8 (n, 48, 48), range [0, 255].

    Raises:
        InputError: If a class has too few faces, or the faces do not reach 0 and 255, so that the
            input's scale would not be 1.
    """
    rng = np.random.default_rng(seed)
    rows = data.rows(TRAINING, clean=True)
    each = -(-samples // len(FER2013_LABELS))
    chosen = []
    for number, label in enumerate(FER2013_LABELS):
        of_class = rows[data.emotion[rows] == number]
        if len(of_class) < each:
            raise InputError(
                f"calibration asks for {each} faces of {label}, but Training has {len(of_class)}: "
                "lower --calibration-samples"
            )
        chosen.append(rng.choice(of_class, each, replace=False))
    faces: NDArray[np.uint8] = data.pixels[rng.permutation(np.concatenate(chosen))]
    if faces.min() > 0 or faces.max() < 255:
        raise InputError(
            f"calibration faces must reach grey levels 0 and 255, but span {faces.min()} to "
            f"{faces.max()}: raise --calibration-samples"
        )
    return faces
