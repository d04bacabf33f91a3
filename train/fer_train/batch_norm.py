"""Batch norm that was folded away before, given back its statistics.

A published backbone may hold mean 0 and variance 1 in every batch norm, its own folded into the
kernels. Its answers are right, but training would normalise by the batch and undo them.
"""

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from fer_train.models.transfer import BACKBONE


def reestimate(model: keras.Model, faces: NDArray[np.uint8]) -> None:
    """Measure the statistics of a backbone's batch norms; its answers stay what they were.

    Args:
        model: A network of `fer_train.models.transfer`; changed.
        faces: uint8 (n, 48, 48), range [0, 255]; a few hundred will do.
    """
    backbone = model.get_layer(BACKBONE)
    before = model.layers[model.layers.index(backbone) - 1]
    inputs = keras.Model(model.input, before.output)(faces[..., None].astype(np.float32))
    norms = [x for x in backbone.layers if isinstance(x, keras.layers.BatchNormalization)]
    seen = keras.Model(backbone.input, [norm.input for norm in norms])(inputs)
    for norm, x in zip(norms, seen, strict=True):
        mean, variance = ops.moments(x, axes=tuple(range(x.ndim - 1)))
        # gamma (x - mean) / deviation + beta must stay the same function of x.
        former = ops.sqrt(norm.moving_variance + norm.epsilon)
        factor = norm.gamma / former
        norm.beta.assign(norm.beta + factor * (mean - norm.moving_mean))
        norm.gamma.assign(factor * ops.sqrt(variance + norm.epsilon))
        norm.moving_mean.assign(mean)
        norm.moving_variance.assign(variance)
