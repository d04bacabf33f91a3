"""A trained model made ready for conversion: one face a call, no scaling step of its own."""

import zipfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import BundleError, first_line


def load_trained(path: Path) -> keras.Model:
    """Open a `.keras` file of stock layers.

    Raises:
        BundleError: If Keras refuses the file.
    """
    if not zipfile.is_zipfile(path):  # Keras would say that it is not there
        raise BundleError(f"{path} is not a .keras file, or a truncated one")
    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BundleError(f"Keras refuses {path}: {first_line(error)}") from error
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise BundleError(
            f"{path} must have one input and one output, "
            f"but has {len(model.inputs)} and {len(model.outputs)}"
        )
    return model


def check_ports(model: keras.Model, source: ModelBundle) -> None:
    """Refuse a model that does not take and give what its sidecar states.

    Raises:
        BundleError: If input or output is another.
    """
    spec = source.input
    wanted = (None, spec.height, spec.width, 1), (None, len(source.labels))
    came = tuple(model.input_shape), tuple(model.output_shape)
    if came != wanted:
        raise BundleError(
            f"{source.path} must take {wanted[0]} and give {wanted[1]}, as its sidecar states, "
            f"but takes {came[0]} and gives {came[1]}"
        )


def for_conversion(model: keras.Model, batch: int = 1) -> keras.Model:
    """Return an equal model for a fixed number of faces, without a scaling step of its own.

    A leading `Rescaling` without offset that feeds one bias-free convolution moves into that
    convolution's kernel, which is exact with any padding: an int8 file then takes pixels as they
    are and spends nothing on scaling. Any other model keeps its layers.

    Args:
        model: Takes float32 (batch, height, width, channels), range [0, 255].
        batch: Faces a call.

    Returns:
        A model for float32 (batch, height, width, channels), range [0, 255].
    """
    folded = _foldable(model)
    inputs = keras.Input(batch_shape=(batch, *model.input_shape[1:]), name="face")

    def copy(layer: layers.Layer) -> layers.Layer:
        if folded and layer is folded[0]:
            return layers.Identity(name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    twin = keras.models.clone_model(model, input_tensors=inputs, clone_function=copy)
    twin.set_weights(model.get_weights())
    if folded:
        scaling, convolution = folded
        first = twin.get_layer(convolution.name)
        first.kernel.assign(first.kernel.numpy() * np.float32(scaling.scale))
    return twin


def _foldable(model: keras.Model) -> tuple[layers.Rescaling, layers.Conv2D] | None:
    """Return the scaling layer and the one convolution behind it, if scaling can move there."""
    found = [layer for layer in model.layers if isinstance(layer, layers.Rescaling)]
    if len(found) != 1 or np.any(found[0].offset):
        return None
    behind = [node.operation for node in found[0]._outbound_nodes]
    if len(behind) != 1 or not isinstance(behind[0], layers.Conv2D):
        return None
    return found[0], behind[0]
