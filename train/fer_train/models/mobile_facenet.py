"""MobileFaceNet (Chen et al. 2018, https://arxiv.org/abs/1804.07573), a small net for faces."""

from typing import Literal

import keras
from keras import layers

from fer_sdk.errors import InputError
from fer_sdk.labels import FER2013_LABELS
from fer_train.models import transfer

BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""Factor of the widest part, width, blocks, stride of the first of them."""
FEATURES = 512


def build(
    input_size: int = 112,
    weights: str = "none",
    head: Literal["dense", "plain"] = "plain",
    classes: int = len(FER2013_LABELS),
) -> keras.Model:
    """Build the net; arguments and result as `transfer.build` has them.

    Weights are those that `fer-train backbone` writes, for 112 px: there are none for ImageNet.
    """
    return transfer.build(
        mobile_facenet,
        # ImageNet's means and deviations, as the published weights were trained with.
        scale=(1 / (255 * 0.229), 1 / (255 * 0.224), 1 / (255 * 0.225)),
        offset=(-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225),
        input_size=input_size,
        weights=weights,
        head=head,
        classes=classes,
    )


def mobile_facenet(
    *, weights: None = None, include_top: bool, input_shape: tuple[int, int, int], name: str
) -> keras.Model:
    """Build the backbone, which `keras.applications` lacks, with the arguments of its functions.

    Layers are called as in the published file.

    Raises:
        InputError: If weights or a top are asked for: it has none of its own.
    """
    if weights is not None or include_top:
        raise InputError("mobile_facenet has no ImageNet weights: give none or a .weights.h5 file")
    inputs = keras.Input(input_shape)
    x = _convolution(inputs, "conv1.0", "conv1.1", 64, kernel=3, stride=2)
    x = _depthwise(x, "dw_conv.depthwise", "dw_conv.bn1", ceiling=None)
    x = _convolution(x, "dw_conv.pointwise", "dw_conv.bn2", 64, ceiling=None)
    number = 0
    for factor, width, blocks, stride in BOTTLENECKS:
        for block in range(blocks):
            x = _bottleneck(x, f"features.{number}.conv", factor, width, 1 if block else stride)
            number += 1
    x = _convolution(x, "conv2.0", "conv2.1", FEATURES)
    # A weight for every place of every feature, where others take the mean.
    x = layers.DepthwiseConv2D(x.shape[1], use_bias=False, name="gdconv.depthwise")(x)
    x = _norm(x, "gdconv.bn")
    return keras.Model(inputs, x, name=name)


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)(x)


def _convolution(
    x: keras.KerasTensor,
    name: str,
    norm: str,
    width: int,
    kernel: int = 1,
    stride: int = 1,
    ceiling: float | None = 6.0,
) -> keras.KerasTensor:
    if kernel > 1:
        x = layers.ZeroPadding2D(kernel // 2)(x)
    x = layers.Conv2D(width, kernel, stride, use_bias=False, name=name)(x)
    return layers.ReLU(ceiling)(_norm(x, norm))


def _depthwise(
    x: keras.KerasTensor, name: str, norm: str, stride: int = 1, ceiling: float | None = 6.0
) -> keras.KerasTensor:
    # Padded on all sides, also where a stride makes Keras' "same" pad on two alone.
    x = layers.ZeroPadding2D(1)(x) if stride > 1 else x
    padding = "valid" if stride > 1 else "same"
    x = layers.DepthwiseConv2D(3, stride, padding, use_bias=False, name=name)(x)
    return layers.ReLU(ceiling)(_norm(x, norm))


def _bottleneck(
    x: keras.KerasTensor, name: str, factor: int, width: int, stride: int
) -> keras.KerasTensor:
    y = _convolution(x, f"{name}.0.0", f"{name}.0.1", factor * x.shape[-1])
    y = _depthwise(y, f"{name}.1.0", f"{name}.1.1", stride)
    y = layers.Conv2D(width, 1, use_bias=False, name=f"{name}.2")(y)
    y = _norm(y, f"{name}.3")
    return layers.Add()([x, y]) if stride == 1 and x.shape[-1] == width else y
