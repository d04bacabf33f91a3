"""Faces in the input size of a model."""

import numpy as np
from numpy.typing import NDArray

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.preprocess import to_inputs


def model_inputs(bundle: ModelBundle, faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Resize faces to the model's input size if it differs from theirs.

    Args:
        bundle: The model.
        faces: uint8 (n, height, width), grey levels 0 to 255.
    """
    if faces.shape[1:] == bundle.input.shape:
        return faces
    return to_inputs(list(faces), bundle.input, "grey")
