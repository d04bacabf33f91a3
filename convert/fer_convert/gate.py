"""The faces that a conversion is proven on."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.fer2013 import PUBLIC_TEST, Fer2013

GATE_FACES: Final = 1000


def gate_faces(data: Fer2013) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return up to 1,000 clean faces of PublicTest and their labels, the same ones every time.

    Args:
        data: FER2013.

    Returns:
        Faces, uint8 (n, 48, 48), and class numbers (n,).

    Raises:
        InputError: If the data has no such face.
    """
    rows = data.rows(PUBLIC_TEST, clean=True)
    if not len(rows):
        raise InputError("proving a conversion needs faces of PublicTest, but the data has none")
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:GATE_FACES])
    return data.pixels[rows], data.emotion[rows]
