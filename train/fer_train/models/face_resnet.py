"""The residual net that dlib recognises faces with (King 2017, http://dlib.net, public domain)."""

from typing import Literal

import keras
from keras import layers

from fer_sdk.errors import InputError
from fer_sdk.labels import FER2013_LABELS
from fer_train.models import transfer

STAGES = ((32, 3), (64, 3), (128, 2), (256, 2), (256, 0))
"""Width, and blocks that follow the one that halves the side, which the first stage lacks."""


def build(
    input_size: int = 128,
    weights: str = "none",
    head: Literal["dense", "plain"] = "plain",
    classes: int = len(FER2013_LABELS),
) -> keras.Model:
    """Build the net; arguments and result as `transfer.build` has them.

    Weights are those that `fer-train backbone` writes: there are none for ImageNet.
    """
    return transfer.build(
        face_resnet,
        scale=1 / 256,
        offset=(-122.782 / 256, -117.001 / 256, -104.298 / 256),
        input_size=input_size,
        weights=weights,
        head=head,
        classes=classes,
    )


def face_resnet(
    *, weights: None = None, include_top: bool, input_shape: tuple[int, int, int], name: str
) -> keras.Model:
    """Build the backbone, which `keras.applications` lacks, with the arguments of its functions.

    Raises:
        InputError: If weights or a top are asked for: it has none of its own.
    """
    if weights is not None or include_top:
        raise InputError("face_resnet has no ImageNet weights: give none or a .weights.h5 file")
    inputs = keras.Input(input_shape)
    x = layers.ReLU()(_convolution(inputs, "conv32_down", 32, kernel=7, stride=2))
    x = layers.MaxPooling2D(3, 2)(x)
    for number, (width, blocks) in enumerate(STAGES):
        if number:
            x = _halve(x, f"conv{width}_down" if blocks else f"conv{width}_down_out", width)
        for block in range(blocks):
            x = _block(x, f"conv{width}_{block + 1}", width)
    return keras.Model(inputs, x, name=name)


def _convolution(
    x: keras.KerasTensor, name: str, width: int, kernel: int = 3, stride: int = 1
) -> keras.KerasTensor:
    padding = "same" if stride == 1 else "valid"
    x = layers.Conv2D(width, kernel, stride, padding, use_bias=False, name=f"{name}.kernel")(x)
    return layers.BatchNormalization(epsilon=1e-5, name=f"{name}.norm")(x)


def _block(x: keras.KerasTensor, name: str, width: int) -> keras.KerasTensor:
    y = layers.ReLU()(_convolution(x, f"{name}.conv1", width))
    return layers.ReLU()(layers.Add()([x, _convolution(y, f"{name}.conv2", width)]))


def _halve(x: keras.KerasTensor, name: str, width: int) -> keras.KerasTensor:
    """Return a block whose short cut is averaged; what either side lacks is zeros, as in dlib."""
    y = layers.ReLU()(_convolution(x, f"{name}.conv1", width, stride=2))
    y = _convolution(y, f"{name}.conv2", width)
    x = layers.AveragePooling2D(2)(x)
    if missing := x.shape[1] - y.shape[1]:
        y = layers.ZeroPadding2D(((0, missing), (0, missing)))(y)
    if width > x.shape[-1]:
        # Channels are padded as if they were columns.
        x = layers.Permute((1, 3, 2))(x)
        x = layers.ZeroPadding2D(((0, 0), (0, width - x.shape[2])))(x)
        x = layers.Permute((1, 3, 2))(x)
    return layers.ReLU()(layers.Add()([x, y]))
