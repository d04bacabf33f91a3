"""ResNet50 (He et al. 2015, https://arxiv.org/abs/1512.03385), with its ImageNet scaling."""

import keras

from fer_sdk.labels import FER2013_LABELS
from fer_train.models import transfer


def build(
    input_size: int = 48, weights: str = "none", classes: int = len(FER2013_LABELS)
) -> keras.Model:
    """Build the network; arguments and result are those of `fer_train.models.transfer.build`."""
    return transfer.build(
        keras.applications.ResNet50,
        scale=1.0,
        offset=(-103.939, -116.779, -123.68),
        input_size=input_size,
        weights=weights,
        classes=classes,
    )
