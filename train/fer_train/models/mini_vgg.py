"""Mini-VGG: three small VGG stages (after Simonyan and Zisserman 2014, arxiv.org/abs/1409.1556).

With its fully connected part, or with global average pooling in its place.
"""

import keras
from keras import layers

from fer_sdk.fer2013 import SIDE
from fer_sdk.labels import FER2013_LABELS


def build(
    widths: tuple[int, ...] = (32, 64, 128),
    fully_connected: bool = True,
    dropout: float = 0.25,
    classes: int = len(FER2013_LABELS),
) -> keras.Model:
    """Build the net.

    Args:
        widths: Channels of each stage; every stage halves the resolution.
        fully_connected: Whether two dense layers follow, or global average pooling and one.
        dropout: Share dropped after each stage in training; twice that before the logits.
        classes: Number of logits.

    Returns:
        Model from float32 (batch, 48, 48, 1), range [0, 255], to logits (batch, classes).
    """
    inputs = keras.Input((SIDE, SIDE, 1), name="face")
    x = layers.Rescaling(1 / 255)(inputs)
    for width in widths:
        for _ in range(2):
            x = layers.Conv2D(width, 3, padding="same", kernel_initializer="he_normal")(x)
            x = layers.BatchNormalization()(layers.ReLU()(x))
        x = layers.Dropout(dropout)(layers.MaxPooling2D()(x))
    if fully_connected:
        x = layers.Dense(512, "relu", kernel_initializer="he_normal")(layers.Flatten()(x))
        x = layers.BatchNormalization()(x)
    else:
        x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(2 * dropout)(x)
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x), name="mini_vgg")
