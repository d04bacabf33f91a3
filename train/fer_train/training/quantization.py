"""Quantization-aware training (QAT) with TensorFlow Model Optimization (tfmot).

The forward pass rounds kernels and activations to the levels of int8; the gradient ignores the
rounding (Jacob et al. 2018, https://arxiv.org/abs/1712.05877). tfmot trains a twin of the network
in tf_keras. The published network is the one of Keras with the trained weights, in float32.
"""

import math
from typing import Any, Final

import keras
import numpy as np
import tensorflow_model_optimization as tfmot
import tf_keras
from numpy.typing import NDArray

from fer_sdk.errors import InputError, first_line
from fer_train.data.recipe import Stage
from fer_train.errors import TrainingError
from fer_train.evaluation.inference import to_network_input
from fer_train.training.tfmot import versions
from fer_train.training.trainer import Run, build_optimizer, build_schedule
from fer_train.training.twin import build_twin

RANGES_FACES: Final = 512
"""Training faces from which the initial ranges of the activations are measured."""
BATCH: Final = 64


class QuantizationAwareRun(Run):
    """A run that trains with the rounding of int8, by a recipe without frozen layers or resizing.

    It does not use dropout.
    """

    @property
    def engine(self) -> str:
        """Names and versions of the packages that train, for the sidecar."""
        return versions()

    def _trainer(self, stage: Stage) -> "_Trainer":
        if (keras.backend.backend(), self.recipe.precision) != ("tensorflow", "float32"):
            raise TrainingError(
                "quantization-aware training needs KERAS_BACKEND=tensorflow and --precision "
                f"float32, but these are {keras.backend.backend()} and {self.recipe.precision}"
            )
        scaling, twin = build_twin(self.student)
        faces = to_network_input(self.sample.faces[:RANGES_FACES])
        network = quantize(twin, np.asarray(scaling(faces) if scaling else faces))
        schedule = build_schedule(stage, self.steps, tf_keras.optimizers)
        optimizer = build_optimizer(self.recipe, schedule, tf_keras.optimizers)
        optimizer.build(network.trainable_variables)
        # Keras wraps losses in its own class, which tf_keras does not accept.
        network.compile(optimizer=optimizer, loss=self._loss().call, jit_compile=False)
        return _Trainer([*self.augmentations, *([scaling] if scaling else [])], network)

    def _student_weights(self) -> list[NDArray[np.float32]]:
        trained = {_name(variable): variable.numpy() for variable in self.trainer.network.variables}
        return [
            trained[f"{layer.name}/{weight.name}"]
            for layer in self.student.layers
            for weight in layer.weights
        ]


class _Trainer:
    """Layers of Keras, then a compiled network of tf_keras, with the interface of a Keras model."""

    def __init__(self, before: list[keras.layers.Layer], network: tf_keras.Model) -> None:
        self.before, self.network = before, network
        self.optimizer = network.optimizer
        self.reset_metrics = network.reset_metrics

    @property
    def trainable_variables(self) -> list[Any]:
        return list(self.network.trainable_variables)

    @property
    def variables(self) -> list[Any]:
        return [
            *(variable for layer in self.before for variable in layer.variables),
            *self.network.variables,
        ]

    def train_on_batch(
        self,
        faces: NDArray[np.float32],
        targets: NDArray[np.float32],
        weights: NDArray[np.float32] | None,
    ) -> float:
        inputs = faces
        for layer in self.before:
            inputs = layer(inputs, training=True)
        return float(self.network.train_on_batch(inputs, targets, weights))


def quantize(twin: tf_keras.Model, inputs: NDArray[np.float32]) -> tf_keras.Model:
    """Return a copy of a network that rounds kernels and activations to int8.

    tfmot starts with the range -6 to 6 for every kernel and activation, and follows the true range
    of activations slowly, so the ranges are measured here.

    Args:
        twin: Network of tf_keras.
        inputs: Its inputs, float32 (n, height, width, channels), a few hundred.

    Raises:
        InputError: If tfmot does not support a layer or a sequence of layers.
    """
    try:
        network = tfmot.quantization.keras.quantize_model(twin)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"tensorflow-model-optimization cannot quantize the network: {first_line(error)}"
        ) from error
    ranges = _ranges(twin, inputs)
    for variable in network.variables:
        layer, name = _name(variable).removeprefix("quant_").split("/")
        what, _, end = name.rpartition("_")
        if what in ("output", "post_activation"):
            variable.assign(ranges[layer][end])
        elif what.startswith("quantize_layer"):  # of the input
            variable.assign(ranges[twin.layers[0].name][end])
        elif what == "kernel":  # one range for each output channel, or one for all
            kernel = np.abs(twin.get_layer(layer).kernel.numpy())
            most = kernel.max(axis=tuple(range(kernel.ndim - len(variable.shape))))
            variable.assign(most if end == "max" else -most)
    return network


def _ranges(twin: tf_keras.Model, inputs: NDArray[np.float32]) -> dict[str, dict[str, float]]:
    """Return "min" and "max" of each layer's output, extended to include 0."""
    probe = tf_keras.Model(twin.input, [layer.output for layer in twin.layers])
    found = {layer.name: {"min": 0.0, "max": 0.0} for layer in twin.layers}
    for batch in np.array_split(inputs, math.ceil(len(inputs) / BATCH)):
        for ends, values in zip(found.values(), probe(batch, training=False), strict=True):
            ends["min"] = min(ends["min"], float(np.min(values)))
            ends["max"] = max(ends["max"], float(np.max(values)))
    return found


def _name(variable: Any) -> str:
    """Return LAYER/NAME of a variable of tf_keras."""
    return str(variable.name).split(":")[0]
