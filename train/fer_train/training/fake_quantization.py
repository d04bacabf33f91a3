"""Training in float that feels int8's rounding (Jacob et al. 2018, https://arxiv.org/abs/1712.05877).

Kernels and activations are rounded to 256 levels on the way forward, gradients pass as if they
were not. The layers stay Keras' own, so what is saved is a float network that any converter takes.
"""

from collections.abc import Callable
from functools import partial

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from fer_sdk.errors import InputError

BATCH = 64


def imitate(model: keras.Model, faces: NDArray[np.float32]) -> None:
    """Round as int8 does, from now on.

    Args:
        model: Without batch norms; changed. Its file and its copies do not round.
        faces: What the model takes; the ranges of its activations are those seen on them, and stay.

    Raises:
        InputError: If the model has weights in other layers than convolutions and dense ones.
    """
    kept = [layer for layer in model.layers if _is_kept(layer)]
    ranges = _ranges(keras.Model(model.input, [layer.output for layer in kept]), faces)
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            layer.convolution_op = partial(_convolve, layer.convolution_op)
        elif isinstance(layer, layers.Dense):
            layer.call = partial(_multiply, layer)
        elif layer.weights:
            raise InputError(
                f"the layer {layer.name} has weights that int8 cannot be imitated for: fold batch "
                "norms, and use convolutions and dense layers"
            )
    for layer, (low, high) in zip(kept, ranges, strict=True):
        layer.call = partial(_rounded_call, layer.call, low, high)


def _is_kept(layer: layers.Layer) -> bool:
    """Whether int8 stores what a layer answers; what goes into a ReLU is computed with it."""
    if isinstance(layer, layers.InputLayer | layers.Rescaling | layers.Dropout):
        return False
    takers = [node.operation for node in layer._outbound_nodes]
    return not any(isinstance(taker, layers.ReLU) for taker in takers)


def _ranges(look: keras.Model, faces: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return least and most of each of a model's outputs, with 0 between, (outputs, 2)."""
    found = np.zeros((len(look.outputs), 2))
    for first in range(0, len(faces), BATCH):
        for number, values in enumerate(look(faces[first : first + BATCH])):
            now = float(ops.min(values)), float(ops.max(values))
            found[number] = min(found[number, 0], now[0]), max(found[number, 1], now[1])
    return found


def _rounded_call(
    call: Callable[..., keras.KerasTensor],
    low: float,
    high: float,
    inputs: keras.KerasTensor | list[keras.KerasTensor],
    **_: object,
) -> keras.KerasTensor:
    """Do what a layer's call does, then round; that it trains, or a mask, is nothing to it."""
    return keras.quantizers.fake_quant_with_min_max_vars(call(inputs), low, high)


def rounded(kernel: keras.KerasTensor) -> keras.KerasTensor:
    """Return a kernel rounded to 255 levels around 0, by output channel."""
    axes = tuple(range(len(kernel.shape) - 1))
    most = ops.stop_gradient(ops.maximum(ops.max(ops.abs(kernel), axis=axes), 1e-6))
    return keras.quantizers.fake_quant_with_min_max_vars(
        kernel, -most, most, narrow_range=True, axis=-1
    )


def _convolve(
    convolution: Callable[..., keras.KerasTensor],
    inputs: keras.KerasTensor,
    kernel: keras.KerasTensor,
) -> keras.KerasTensor:
    return convolution(inputs, rounded(kernel))


def _multiply(dense: layers.Dense, inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Do what `Dense.call` does."""
    outputs = ops.matmul(inputs, rounded(dense.kernel)) + dense.bias
    return dense.activation(outputs)
