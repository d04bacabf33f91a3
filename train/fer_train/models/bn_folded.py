"""A trained network with its batch norms folded into the convolutions, for int8 training."""

from typing import Any

import keras
import numpy as np
from keras import layers

from fer_sdk.errors import InputError
from fer_sdk.labels import FER2013_LABELS
from fer_train.models.pretrained import load


def build(trained: str, classes: int = len(FER2013_LABELS)) -> keras.Model:
    """Load a network and fold its batch norms into the convolutions.

    Args:
        trained: `.keras` file; every batch norm must follow a convolution.
        classes: Expected number of logits.

    Returns:
        Model with the same outputs up to rounding.

    Raises:
        InputError: If the file is unreadable, the network cannot be folded, or the number of logits
            differs.
    """
    network = load(trained)
    if network.output_shape[-1] != classes:
        raise InputError(
            f"{trained} has {network.output_shape[-1]} logits, expected {classes} classes"
        )
    norms = {}
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            before = layer.input._keras_history.operation
            if not isinstance(before, layers.Conv2D):
                raise InputError(
                    f"the batch norms of {trained} cannot be folded: {layer.name} follows "
                    f"{before.name}, not a convolution"
                )
            norms[before.name] = layer

    def copy_layer(layer: layers.Layer) -> layers.Layer:
        bias = {"use_bias": True} if layer.name in norms else {}
        return type(layer).from_config({**layer.get_config(), **bias})

    def call_layer(layer: layers.Layer, *inputs: Any, **words: Any) -> keras.KerasTensor:
        norm = isinstance(layer, layers.BatchNormalization)
        return inputs[0] if norm else layer(*inputs, **words)

    bn_folded = keras.models.clone_model(
        network, clone_function=copy_layer, call_function=call_layer
    )
    for layer in network.layers:
        if layer.name in norms:
            norm = norms[layer.name]
            factor = np.array(norm.gamma / keras.ops.sqrt(norm.moving_variance + norm.epsilon))
            bias = np.array(layer.bias) if layer.use_bias else 0.0
            kernel = np.array(layer.kernel) * factor
            shift = np.array(norm.beta) + (bias - np.array(norm.moving_mean)) * factor
            bn_folded.get_layer(layer.name).set_weights([kernel, shift])
        elif not isinstance(layer, layers.BatchNormalization):
            bn_folded.get_layer(layer.name).set_weights(layer.get_weights())
    return bn_folded
