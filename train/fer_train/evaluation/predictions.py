"""What models answered about faces, kept in a folder, so that stopped work goes on from there."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk.evaluation.splits import Predict


def answer(
    predict: Predict, model_digest: str, faces: NDArray[np.uint8], kept: Path | None
) -> NDArray[np.float64]:
    """Return what a model answers about faces; ask it only if the folder does not hold that.

    Args:
        predict: The model.
        model_digest: SHA-256 of its file.
        faces: uint8 (n, 48, 48), range [0, 255].
        kept: Folder of answers; None to ask in any case.

    Returns:
        Probabilities, float64 (n, classes).
    """
    if kept is None:
        return predict(faces)
    seen = hashlib.sha256(model_digest.encode() + np.ascontiguousarray(faces).tobytes())
    path = kept / f"{seen.hexdigest()}.npy"
    if path.exists():
        return np.asarray(np.load(path, allow_pickle=False), np.float64)
    probabilities = predict(faces)
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.save(file, probabilities)
    return probabilities
