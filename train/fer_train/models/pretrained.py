"""Loading of trained networks as a starting point."""

from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError, first_line

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Kernel (..., inputs, outputs) and bias (outputs,)."""


def load(path: str) -> keras.Model:
    """Load a `.keras` file.

    Raises:
        InputError: If the file is missing or unreadable.
    """
    if not Path(path).is_file():
        raise InputError(f"no network at {path}")
    try:
        return keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises many types
        raise InputError(f"{path} is not a readable .keras file: {first_line(error)}") from error


def copy_features(network: keras.Model, path: str) -> None:
    """Copy all weights but those of the last layer from a trained network.

    Args:
        network: Network whose last layer computes the logits; modified in place.
        path: `.keras` file of a network with the same layer sizes, or a float32 or float16
            `.tflite` file that was converted from one.

    Raises:
        InputError: If the file is unreadable or its layers have other sizes.
    """
    if path.endswith(".tflite"):
        _copy_convolutions(network, path)
        return
    trained = load(path)
    shapes, theirs = (
        [weight.shape for layer in model.layers[:-1] for weight in layer.weights]
        for model in (network, trained)
    )
    if shapes != theirs:
        raise InputError(
            f"the layers of {path} and of the {network.name} to train have other sizes"
        )
    for mine, other in zip(network.layers[:-1], trained.layers[:-1], strict=True):
        mine.set_weights(other.get_weights())


def _copy_convolutions(network: keras.Model, path: str) -> None:
    """Copy the convolutions of a float32 or float16 `.tflite` file."""
    folded = folded_layers(path, "CONV_2D")
    mine = [
        layer.kernel.shape for layer in network.layers if isinstance(layer, keras.layers.Conv2D)
    ]
    if mine != [kernel.shape for kernel, _ in folded]:
        raise InputError(
            f"the convolutions of {path} and of the {network.name} to train have other sizes"
        )
    set_convolutions(network, folded)


def set_convolutions(network: keras.Model, folded: list[Layer]) -> None:
    """Set the convolutions of a network to those of `folded_layers`.

    Batch norms get the biases as their offsets, and statistics that leave the convolution's output
    as it is. The scaling of the input is folded into the first kernel.
    """
    (scaling,) = [x for x in network.layers if isinstance(x, keras.layers.Rescaling)]
    convolutions = [x for x in network.layers if isinstance(x, keras.layers.Conv2D)]
    (first, offset), *others = folded
    for layer, (kernel, bias) in zip(
        convolutions, [(first / scaling.scale, offset), *others], strict=True
    ):
        layer.kernel.assign(kernel)
        (norm,) = [node.operation for node in layer._outbound_nodes]
        ones, zeros = np.ones_like(bias), np.zeros_like(bias)
        norm.set_weights([ones, bias, zeros, ones - norm.epsilon])


def folded_layers(path: str, operator: str) -> list[Layer]:
    """Read the layers of one kind of a float32 or float16 `.tflite` file, in order of execution.

    Batch norms are folded into the kernels and biases of convolutions.

    Args:
        path: The file.
        operator: "CONV_2D" or "FULLY_CONNECTED".

    Raises:
        InputError: If the file is missing, unreadable or quantized.
    """
    from ai_edge_litert.interpreter import Interpreter

    if not Path(path).is_file():
        raise InputError(f"no network at {path}")
    try:
        interpreter = Interpreter(model_path=path, num_threads=1)
        interpreter.allocate_tensors()
        operators = interpreter._get_ops_details()
        # float16 files convert each constant to float32 by an operator.
        stored = {
            x["outputs"][0]: x["inputs"][0] for x in operators if x["op_name"] == "DEQUANTIZE"
        }
        found = [
            [interpreter.get_tensor(stored.get(number, number)) for number in x["inputs"][1:3]]
            for x in operators
            if x["op_name"] == operator
        ]
    except (ValueError, RuntimeError) as error:
        raise InputError(f"{path} is not a readable .tflite file: {first_line(error)}") from error
    if any(kernel.dtype not in (np.float32, np.float16) for kernel, _ in found):
        raise InputError(f"{path} is quantized: give the float32 or float16 file of the network")
    return [
        (np.moveaxis(kernel, 0, -1).astype(np.float32), bias.astype(np.float32))
        for kernel, bias in found
    ]
