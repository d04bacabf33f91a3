"""Batch-norm statistics, and a fast batch norm for TensorFlow.

`restore_folded`: published networks may have their batch norms folded into the kernels, so that
every batch norm holds mean 0 and variance 1. Training would normalise by the statistics of the
batch and change the network's outputs.

`recompute_statistics`: a network that was trained on augmented faces holds the statistics of those.
They are recomputed on unaugmented faces before the network is scored and published (PreciseBN, Wu
and Johnson 2021, https://arxiv.org/abs/2105.07576).
"""

import math
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from fer_train.models.transfer import BACKBONE

BATCH = 64


def restore_folded(model: keras.Model, faces: NDArray[np.uint8]) -> None:
    """Give folded batch norms their statistics; the outputs stay the same.

    Args:
        model: Network of `fer_train.models.transfer` with a folded backbone, or a folded network
            without one; modified in place.
        faces: uint8 (n, 48, 48), range [0, 255]; a few hundred suffice.
    """
    backbone = next((layer for layer in model.layers if layer.name == BACKBONE), model)
    before = model.layers[model.layers.index(backbone) - 1] if backbone is not model else None
    prepare = keras.Model(model.input, before.output if before else model.input)
    norms = [x for x in backbone.layers if isinstance(x, keras.layers.BatchNormalization)]
    if not norms:
        return
    norm_inputs = keras.Model(backbone.input, [norm.input for norm in norms])
    means = [np.zeros(norm.gamma.shape) for norm in norms]
    squares = [np.zeros(norm.gamma.shape) for norm in norms]
    # In batches: the activations of all faces at once would take gigabytes.
    for first in range(0, len(faces), BATCH):
        batch = faces[first : first + BATCH, ..., None].astype(np.float32)
        share = len(batch) / len(faces)
        for number, x in enumerate(norm_inputs(prepare(batch))):
            mean, variance = ops.moments(x, axes=tuple(range(x.ndim - 1)))
            means[number] += share * np.asarray(mean, np.float64)
            squares[number] += share * (np.asarray(variance, np.float64) + np.square(mean))
    for norm, measured, square in zip(norms, means, squares, strict=True):
        mean = measured.astype(np.float32)
        variance = (square - np.square(measured)).astype(np.float32)
        # Keep gamma (x - mean) / deviation + beta the same function of x.
        former = ops.sqrt(norm.moving_variance + norm.epsilon)
        factor = norm.gamma / former
        norm.beta.assign(norm.beta + factor * (mean - norm.moving_mean))
        norm.gamma.assign(factor * ops.sqrt(variance + norm.epsilon))
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance)


def recompute_statistics(model: keras.Model, inputs: NDArray[np.float32]) -> None:
    """Recompute the statistics of all batch norms on unaugmented faces; the outputs change.

    Args:
        model: Modified in place.
        inputs: float32 (n, height, width, channels), range [0, 255]; a few thousand suffice.
    """
    norms = _norms(model)
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for number, batch in enumerate(np.array_split(inputs, math.ceil(len(inputs) / BATCH))):
        for norm in norms:
            norm.momentum = number / (number + 1)  # running mean over the batches
        model(batch, training=True)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    """Return the batch norms of a model and of its nested models."""
    found = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found += _norms(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            found.append(layer)
    return found


def fuse(model: keras.Model) -> None:
    """Train batch norms by TensorFlow's fused kernel; does nothing on other backends.

    Keras implements batch norm as a dozen passes over memory. XLA on JAX fuses them; TensorFlow on
    the CPU does not. The layers and the saved model remain those of Keras.

    Args:
        model: Modified in place; outputs and gradients stay the same up to rounding.
    """
    if keras.backend.backend() != "tensorflow":
        return
    for norm in _norms(model):
        norm.call = partial(_call_fused, norm)


def _call_fused(
    norm: keras.layers.BatchNormalization,
    inputs: keras.KerasTensor,
    training: bool | None = None,
    mask: Any = None,
) -> keras.KerasTensor:
    """Replace `BatchNormalization.call`."""
    if not (training and norm.trainable) or mask is not None or len(inputs.shape) != 4:
        return type(norm).call(norm, inputs, training=training, mask=mask)
    from tensorflow import raw_ops

    width = (inputs.shape[-1],)
    outputs, mean, variance, *_ = raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=ops.ones(width) if norm.gamma is None else norm.gamma.value,
        offset=ops.zeros(width) if norm.beta is None else norm.beta.value,
        mean=ops.zeros((0,)),
        variance=ops.zeros((0,)),
        epsilon=norm.epsilon,
        data_format="NHWC",
        is_training=True,
    )
    for moving, now in ((norm.moving_mean, mean), (norm.moving_variance, variance)):
        moving.assign(moving * norm.momentum + now * (1 - norm.momentum))
    return outputs
