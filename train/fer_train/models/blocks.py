"""Building blocks that several networks share."""

import keras
from keras import layers

from fer_sdk.evaluation.fer2013 import SIDE


def scaled_face(
    channels: int = 1, side: int | None = SIDE
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return a network's input and the input divided by 255.

    There is no offset: with "same" padding, only a pure factor can be folded exactly into the
    following convolution.

    Args:
        channels: Channels of the input.
        side: Height and width in pixels; None for any size.

    Returns:
        Input, float32 (batch, side, side, channels), range [0, 255], and the scaled tensor.
    """
    inputs = keras.Input((side, side, channels), name="face")
    return inputs, layers.Rescaling(1 / 255)(inputs)


def vgg_stage(x: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """Apply two 3x3 convolutions, each with ReLU and batch norm, and max-pooling to half the size.

    Args:
        x: (batch, height, width, channels).
        width: Channels of both convolutions.
    """
    for _ in range(2):
        x = layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal")(x)
        x = layers.BatchNormalization()(layers.ReLU()(x))
    return layers.MaxPooling2D()(x)
