"""Preparation of a trained model for conversion: fixed batch size, scaling fused into weights."""

import zipfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.output_kind import check_output, probe_faces
from fer_sdk.errors import BundleError, first_line
from fer_sdk.preprocess import RAW_GREY


def load_trained(path: Path) -> keras.Model:
    """Load a `.keras` file of stock layers.

    Raises:
        BundleError: If Keras cannot load the file.
    """
    if not zipfile.is_zipfile(path):  # Keras would report a missing file
        if path.is_file() and path.read_bytes()[:4] == b"\x89HDF":
            raise BundleError(
                f"{path} is a Keras HDF5 file: save it as .keras by keras.saving.load_model("
                f"{str(path)!r}, compile=False).save({path.with_suffix('.keras').name!r})"
            )
        raise BundleError(f"{path} is not a .keras file or is truncated")
    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BundleError(f"Keras cannot load {path}: {first_line(error)}") from error
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise BundleError(
            f"{path} must have one input and one output, "
            f"but has {len(model.inputs)} and {len(model.outputs)}"
        )
    return model


def check_ports(model: keras.Model, source: ModelBundle) -> None:
    """Raise an error if a model's input or output differs from its sidecar.

    Raises:
        BundleError: If a shape differs, or the network returns probabilities and not logits, which
            no later check would find: softmax of them agrees before and after conversion.
    """
    spec = source.input
    if spec.pixels != RAW_GREY:
        raise BundleError(
            f"{source.path} takes {spec.pixels.color} pixels in the range {spec.pixels.range} "
            "according to its sidecar, but only networks of grey levels 0 to 255 are converted: "
            "convert it with TensorFlow's or ONNX's own tools and use `fer-convert adopt`"
        )
    expected = (None, spec.height, spec.width, 1), (None, len(source.labels))
    actual = tuple(model.input_shape), tuple(model.output_shape)
    if actual != expected:
        raise BundleError(
            f"{source.path} must have input {expected[0]} and output {expected[1]} according to "
            f"its sidecar, but has input {actual[0]} and output {actual[1]}"
        )
    if source.output != "logits":
        raise BundleError(f"{source.sidecar} must state the output 'logits' to be converted")
    probes = probe_faces(spec)[..., None].astype(np.float32)
    check_output(np.asarray(model(probes, training=False), np.float32), "logits", source.path.name)


def for_conversion(model: keras.Model, batch: int = 1) -> keras.Model:
    """Return an equivalent model with a fixed batch size and without a scaling layer.

    A leading `Rescaling` layer without offset that feeds exactly one convolution is multiplied into
    the convolution's kernel. This is exact with any padding. An int8 file then takes unscaled
    pixels. All other models keep their layers.

    Args:
        model: Input float32 (any batch, height, width, channels), range [0, 255].
        batch: Faces per call.

    Returns:
        A model with input float32 (batch, height, width, channels), range [0, 255].
    """
    fusible = _fusible_rescaling(model)
    inputs = keras.Input(batch_shape=(batch, *model.input_shape[1:]), name="face")

    def copy(layer: layers.Layer) -> layers.Layer:
        if fusible and layer is fusible[0]:
            return layers.Identity(name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    twin = keras.models.clone_model(model, input_tensors=inputs, clone_function=copy)
    twin.set_weights(model.get_weights())
    if fusible:
        scaling, convolution = fusible
        first = twin.get_layer(convolution.name)
        first.kernel.assign(first.kernel.numpy() * np.float32(scaling.scale))
    return twin


def _fusible_rescaling(model: keras.Model) -> tuple[layers.Rescaling, layers.Conv2D] | None:
    """Return the scaling layer and the convolution that it feeds, or None if not fusible."""
    found = [layer for layer in model.layers if isinstance(layer, layers.Rescaling)]
    if len(found) != 1 or np.any(found[0].offset):
        return None
    consumers = [node.operation for node in found[0]._outbound_nodes]
    if len(consumers) != 1 or not isinstance(consumers[0], layers.Conv2D):
        return None
    return found[0], consumers[0]
