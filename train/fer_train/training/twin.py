"""The twin of a Keras 3 network in tf_keras: same layers, same weights, same outputs."""

from typing import Any, Final

import keras
import tf_keras
from keras import layers

from fer_sdk.errors import InputError

_SETTINGS: Final[dict[type[layers.Layer], tuple[str, ...]]] = {
    layers.Conv2D: (
        "filters", "kernel_size", "strides", "padding", "dilation_rate", "groups", "activation",
        "use_bias",
    ),
    layers.BatchNormalization: ("axis", "momentum", "epsilon", "center", "scale"),
    layers.ReLU: ("max_value", "negative_slope", "threshold"),
    layers.Add: (),
    layers.GlobalAveragePooling2D: ("keepdims",),
    layers.Dense: ("units", "activation", "use_bias"),
}  # fmt: skip
"""Supported layers and the settings that affect their outputs, named alike in both packages."""


def build_twin(network: keras.Model) -> tuple[layers.Layer | None, tf_keras.Model]:
    """Build the twin of a network, without scaling and dropout.

    tfmot supports no Rescaling layer, so the caller scales the input. Dropout is left out: its
    random state in tf_keras is not a variable that a checkpoint could hold.

    Args:
        network: Functional network with one input and one output, of the layers in `_SETTINGS`,
            Dropout, and Rescaling directly after the input.

    Returns:
        The Rescaling layer or None, and a tf_keras model from the scaled input to the output. Its
        layers have the names of the network's.

    Raises:
        InputError: If a layer is not supported.
    """
    source, *rest = network.layers
    if not isinstance(source, layers.InputLayer):
        raise InputError(
            "quantization-aware training needs a functional network with one input, but "
            f"{network.name} begins with {type(source).__name__}"
        )
    scaling: Any = rest[0] if isinstance(rest[0], layers.Rescaling) else None
    made = {source.name: tf_keras.Input(source.output.shape[1:])}
    for layer in rest:
        inputs = [
            made[tensor._keras_history.operation.name]
            for tensor in keras.tree.flatten(layer._inbound_nodes[0].input_tensors)
        ]
        if layer is scaling or isinstance(layer, layers.Dropout):
            (made[layer.name],) = inputs
        elif type(layer) in _SETTINGS and len(layer._inbound_nodes) == 1:
            config = layer.get_config()
            settings = {name: config[name] for name in _SETTINGS[type(layer)]}
            twin = getattr(tf_keras.layers, type(layer).__name__)(**settings, name=layer.name)
            made[layer.name] = twin(inputs if len(inputs) > 1 else inputs[0])
            twin.set_weights(layer.get_weights())
        else:
            raise InputError(
                f"quantization-aware training does not support the layer {layer.name} "
                f"({type(layer).__name__}): supported are "
                + ", ".join(kind.__name__ for kind in _SETTINGS)
                + ", Dropout, and Rescaling after the input"
            )
    return scaling, tf_keras.Model(made[source.name], made[network.layers[-1].name])
