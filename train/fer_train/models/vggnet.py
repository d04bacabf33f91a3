"""VGGNet for FER2013 (Khaireddin and Chen 2021, https://arxiv.org/abs/2105.03588).

Four stages of two 3x3 convolutions, each with ReLU and batch norm, and max-pooling; three dense
layers.
"""

import keras
from keras import layers

from fer_sdk.labels import FER2013_LABELS
from fer_train.models.blocks import scaled_face, vgg_stage


def build(
    widths: tuple[int, ...] = (64, 128, 256, 512),
    dense: int = 4096,
    dropout: float = 0.5,
    classes: int = len(FER2013_LABELS),
) -> keras.Model:
    """Build the network.

    Args:
        widths: Channels of each stage; every stage halves the resolution.
        dense: Units of the first two dense layers.
        dropout: Dropout rate before each of them.
        classes: Number of logits.

    Returns:
        Model from float32 (batch, 48, 48, 1), range [0, 255], to logits (batch, classes).
    """
    inputs, x = scaled_face()
    for width in widths:
        x = vgg_stage(x, width)
    x = layers.Flatten()(x)
    for _ in range(2):
        x = layers.Dropout(dropout)(x)
        x = layers.Dense(dense, "relu", kernel_initializer="he_normal")(x)
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x), name="vggnet")
