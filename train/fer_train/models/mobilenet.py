"""MobileNet (Howard et al. 2017, https://arxiv.org/abs/1704.04861)."""

from typing import Literal

import keras

from fer_sdk.labels import FER2013_LABELS
from fer_train.models import transfer


def build(
    input_size: int = 96,
    weights: str = "none",
    trained_on: Literal["imagenet", "vggface2"] = "imagenet",
    head: Literal["dense", "plain"] = "dense",
    classes: int = len(FER2013_LABELS),
) -> keras.Model:
    """Build the network.

    Args:
        input_size: As in `fer_train.models.transfer.build`.
        weights: As in `fer_train.models.transfer.build`.
        trained_on: Data of the weights, which determines the input scaling. The weights for
            VGGFace2 (HSE FaceRec, Apache-2.0) expect grey levels minus the means of that data.
        head: As in `fer_train.models.transfer.build`.
        classes: Number of logits.
    """
    faces = trained_on == "vggface2"
    return transfer.build(
        keras.applications.MobileNet,
        scale=1.0 if faces else 1 / 127.5,
        offset=(-103.939, -116.779, -123.68) if faces else -1.0,
        input_size=input_size,
        weights=weights,
        head=head,
        classes=classes,
    )
