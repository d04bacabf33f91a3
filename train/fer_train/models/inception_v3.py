"""InceptionV3 (Szegedy et al. 2015, https://arxiv.org/abs/1512.00567), from 75 px on."""

import keras

from fer_sdk.labels import FER2013_LABELS
from fer_train.models import transfer


def build(
    input_size: int = 96, weights: str = "none", classes: int = len(FER2013_LABELS)
) -> keras.Model:
    """Build the network; arguments and result are those of `fer_train.models.transfer.build`."""
    return transfer.build(
        keras.applications.InceptionV3,
        scale=1 / 127.5,
        offset=-1.0,
        input_size=input_size,
        weights=weights,
        classes=classes,
    )
