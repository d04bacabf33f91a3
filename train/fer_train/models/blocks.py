"""Pieces that several networks are made of."""

import keras
from keras import layers

from fer_sdk.evaluation.fer2013 import SIDE


def scaled_face(
    channels: int = 1, side: int | None = SIDE
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the input, float32 (batch, side, side, channels), and it divided by 255.

    Range [0, 255]; with the side None faces may have any size. Without an offset: with "same"
    padding only a pure factor folds exactly into a convolution.
    """
    inputs = keras.Input((side, side, channels), name="face")
    return inputs, layers.Rescaling(1 / 255)(inputs)


def vgg_stage(x: keras.KerasTensor, width: int) -> keras.KerasTensor:
    """Return two 3x3 convolutions, each with ReLU and batch norm, and max-pooling to half the size.

    Args:
        x: (batch, height, width, channels).
        width: Channels of both convolutions.
    """
    for _ in range(2):
        x = layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal")(x)
        x = layers.BatchNormalization()(layers.ReLU()(x))
    return layers.MaxPooling2D()(x)
