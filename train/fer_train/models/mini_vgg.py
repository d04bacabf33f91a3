"""Mini-VGG: three small VGG stages (Simonyan and Zisserman 2014, https://arxiv.org/abs/1409.1556).

The head has two dense layers or global average pooling.
"""

import keras
from keras import layers

from fer_sdk.labels import FER2013_LABELS
from fer_train.models.blocks import scaled_face, vgg_stage


def build(
    widths: tuple[int, ...] = (32, 64, 128),
    fully_connected: bool = True,
    dropout: float = 0.25,
    channels: int = 1,
    classes: int = len(FER2013_LABELS),
) -> keras.Model:
    """Build the network.

    Args:
        widths: Channels of each stage; every stage halves the resolution.
        fully_connected: Whether the head has two dense layers; else global average pooling and one.
        dropout: Dropout rate after each stage; twice that before the logits.
        channels: Channels of the input; above 1, features in addition to the grey face.
        classes: Number of logits.

    Returns:
        Model from float32 (batch, 48, 48, channels), range [0, 255], to logits (batch, classes).
    """
    inputs, x = scaled_face(channels)
    for width in widths:
        x = layers.Dropout(dropout)(vgg_stage(x, width))
    if fully_connected:
        x = layers.Dense(512, "relu", kernel_initializer="he_normal")(layers.Flatten()(x))
        x = layers.BatchNormalization()(x)
    else:
        x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(2 * dropout)(x)
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x), name="mini_vgg")
