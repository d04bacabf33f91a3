"""Xception (Chollet 2017, https://arxiv.org/abs/1610.02357); at least 71 px."""

import keras

from fer_sdk.labels import FER2013_LABELS
from fer_train.models import transfer


def build(
    input_size: int = 96, weights: str = "none", classes: int = len(FER2013_LABELS)
) -> keras.Model:
    """Build the net; arguments and result as `fer_train.models.transfer.build` has them."""
    return transfer.build(
        keras.applications.Xception,
        scale=1 / 127.5,
        offset=-1.0,
        input_size=input_size,
        weights=weights,
        classes=classes,
    )
