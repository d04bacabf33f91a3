"""InceptionV3 (Szegedy et al. 2015, https://arxiv.org/abs/1512.00567); at least 75 px."""

import keras

from fer_train.models import transfer


def build(input_size: int = 96, weights: str = "none") -> keras.Model:
    """Build the net; arguments and result as `fer_train.models.transfer.build` has them."""
    return transfer.build(
        keras.applications.InceptionV3,
        scale=1 / 127.5,
        offset=-1.0,
        input_size=input_size,
        weights=weights,
    )
