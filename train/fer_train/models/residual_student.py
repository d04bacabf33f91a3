"""A residual network of 3x3 convolutions, batch norm and ReLU, which loses little in int8.

Residual blocks as in He et al. 2015 (https://arxiv.org/abs/1512.03385). Each stage begins with a
strided convolution instead of a pooled shortcut; every phone delegate supports these operators.
"""

import keras
from keras import layers

from fer_sdk.evaluation.fer2013 import SIDE
from fer_sdk.labels import FER2013_LABELS
from fer_train.models.blocks import scaled_face
from fer_train.models.pretrained import copy_features


def build(
    stem: int = 24,
    widths: tuple[int, ...] = (40, 80, 120),
    blocks: tuple[int, ...] = (1, 1, 1),
    dropout: float = 0.3,
    classes: int = len(FER2013_LABELS),
    side: int | None = SIDE,
    weights: str = "none",
) -> keras.Model:
    """Build the network.

    Args:
        stem: Channels of the first convolution, at full resolution.
        widths: Channels of each stage; every stage halves the resolution.
        blocks: Residual blocks of each stage, after its strided convolution.
        dropout: Dropout rate of the pooled features.
        classes: Number of logits.
        side: Side of the faces in pixels; None for any size.
        weights: "none", or the `.keras` file of a trained network with the same layer sizes, from
            which all weights but those of the logits are copied.

    Returns:
        Model from float32 (batch, side, side, 1), range [0, 255], to logits (batch, classes).

    Raises:
        InputError: If the weights cannot be loaded.
    """
    inputs, x = scaled_face(side=side)
    x = _convolution(x, stem)
    for width, count in zip(widths, blocks, strict=True):
        x = _convolution(x, width, strides=2)
        for _ in range(count):
            branch = _convolution(_convolution(x, width), width, activate=False)
            x = layers.ReLU()(layers.Add()([x, branch]))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x)
    network = keras.Model(inputs, layers.Dense(classes, name="logits")(x), name="residual_student")
    if weights != "none":
        copy_features(network, weights)
    return network


def _convolution(
    x: keras.KerasTensor, width: int, *, strides: int = 1, activate: bool = True
) -> keras.KerasTensor:
    x = layers.Conv2D(
        width, 3, strides, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    x = layers.BatchNormalization(momentum=0.98)(x)
    return layers.ReLU()(x) if activate else x
