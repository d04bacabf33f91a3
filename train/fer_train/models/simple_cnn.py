"""A simple CNN of three convolutions and two dense layers, as a lower baseline."""

import keras
from keras import layers

from fer_sdk.labels import FER2013_LABELS
from fer_train.models.blocks import scaled_face


def build(
    widths: tuple[int, ...] = (32, 64, 128),
    dropout: float = 0.5,
    classes: int = len(FER2013_LABELS),
) -> keras.Model:
    """Build the network.

    Args:
        widths: Channels of each convolution; max-pooling after each halves the resolution.
        dropout: Dropout rate before the logits.
        classes: Number of logits.

    Returns:
        Model from float32 (batch, 48, 48, 1), range [0, 255], to logits (batch, classes).
    """
    inputs, x = scaled_face()
    for width in widths:
        x = layers.Conv2D(width, 3, activation="relu", padding="same")(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dense(128, "relu")(layers.Flatten()(x))
    x = layers.Dropout(dropout)(x)
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x), name="simple_cnn")
