"""MobileNet (Howard et al. 2017, https://arxiv.org/abs/1704.04861)."""

import keras

from fer_train.models import transfer


def build(input_size: int = 96, weights: str = "none") -> keras.Model:
    """Build the net; arguments and result as `fer_train.models.transfer.build` has them."""
    return transfer.build(
        keras.applications.MobileNet,
        scale=1 / 127.5,
        offset=-1.0,
        input_size=input_size,
        weights=weights,
    )
