"""Fake quantization for quantization-aware training (Jacob et al. 2018, arxiv.org/abs/1712.05877).

The forward pass rounds kernels and activations to the levels of int8; the gradient ignores the
rounding. The layers remain those of Keras, so the saved model is a float network that any converter
accepts.
"""

from collections.abc import Callable
from functools import partial

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from fer_sdk.errors import InputError

BATCH = 64


def quantize_in_training(model: keras.Model, faces: NDArray[np.float32]) -> None:
    """Make a model round kernels and activations to int8 in its forward pass.

    Args:
        model: Network without batch norms; modified in place. Saved files and clones do not round.
        faces: Inputs, float32 (n, height, width, channels), from which the fixed ranges of the
            activations are measured.

    Raises:
        InputError: If layers other than convolutions and dense layers have weights.
    """
    stored = [layer for layer in model.layers if _is_stored(layer)]
    ranges = _ranges(keras.Model(model.input, [layer.output for layer in stored]), faces)
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            layer.convolution_op = partial(_convolve, layer.convolution_op)
        elif isinstance(layer, layers.Dense):
            layer.call = partial(_multiply, layer)
        elif layer.weights:
            raise InputError(
                f"fake quantization does not support the layer {layer.name}: only convolutions and "
                "dense layers may have weights, and batch norms must be folded"
            )
    for layer, (low, high) in zip(stored, ranges, strict=True):
        layer.call = partial(_rounded_call, layer.call, low, high)


def _is_stored(layer: layers.Layer) -> bool:
    """Return whether int8 inference stores a layer's output; the input of a fused ReLU is not."""
    if isinstance(layer, layers.InputLayer | layers.Rescaling | layers.Dropout):
        return False
    consumers = [node.operation for node in layer._outbound_nodes]
    return not any(isinstance(consumer, layers.ReLU) for consumer in consumers)


def _ranges(outputs: keras.Model, faces: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return minimum and maximum of each output of a model, extended to include 0, (outputs, 2)."""
    found = np.zeros((len(outputs.outputs), 2))
    for first in range(0, len(faces), BATCH):
        for number, values in enumerate(outputs(faces[first : first + BATCH])):
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
    """Call a layer and round its output; arguments such as `training` and `mask` are ignored."""
    return keras.quantizers.fake_quant_with_min_max_vars(call(inputs), low, high)


def rounded(kernel: keras.KerasTensor) -> keras.KerasTensor:
    """Round a kernel to 255 levels symmetric about 0, with one scale per output channel."""
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
    """Replace `Dense.call`; the kernel is rounded."""
    outputs = ops.matmul(inputs, rounded(dense.kernel)) + dense.bias
    return dense.activation(outputs)
