"""Deduplicated PublicTest faces with the labels that a model was trained on."""

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.datasets import of_fer2013
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import PUBLIC_TEST, Fer2013


def labelled_faces(
    data: Fer2013, bundle: ModelBundle
) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
    """Return faces and true labels: FER+'s majority for models of its votes, else FER2013's label.

    Args:
        data: FER2013, with FER+ votes if the model follows them.
        bundle: The model.

    Returns:
        Faces, uint8 (n, 48, 48), range [0, 255], and indices into the model's labels, int (n,).
        Faces without a FER+ majority and of labels that the model lacks are left out.

    Raises:
        InputError: If the data has no votes.
    """
    faces = of_fer2013(data, PUBLIC_TEST)
    if bundle.ferplus_votes and len(faces.protocols) == 1:
        raise InputError(
            f"{bundle.path.name} follows FER+'s votes, which the data lacks: import them by "
            "`fer-train import fer2013.csv --ferplus fer2013new.csv`"
        )
    protocol = faces.protocols[1 if bundle.ferplus_votes else 0]
    assert protocol.deduplicated is not None
    number = [
        bundle.labels.index(label) if label in bundle.labels else -1 for label in protocol.labels
    ]
    truth = np.array(number, np.intp)[protocol.truth]
    kept = protocol.deduplicated & (truth >= 0)
    return faces.pixels[protocol.rows[kept]], truth[kept]
