"""ResNet50V2 (He et al. 2016, https://arxiv.org/abs/1603.05027)."""

import keras

from fer_sdk.labels import FER2013_LABELS
from fer_train.models import transfer


def build(
    input_size: int = 48, weights: str = "none", classes: int = len(FER2013_LABELS)
) -> keras.Model:
    """Build the network; arguments and result are those of `fer_train.models.transfer.build`."""
    return transfer.build(
        keras.applications.ResNet50V2,
        scale=1 / 127.5,
        offset=-1.0,
        input_size=input_size,
        weights=weights,
        classes=classes,
    )
