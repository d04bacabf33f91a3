"""Layers that compute in bfloat16 while training, but for those that are slow in it."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build layers under a dtype policy of Keras, then go back to the former one."""
    former = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(former)


def spare_strided_depthwise(model: keras.Model) -> None:
    """Let strided depthwise convolutions compute in float32 on TensorFlow; on others, do nothing.

    TensorFlow on the CPU has no fast kernel for them in bfloat16: with them in it, a MobileNet
    trains slower than in float32.

    Args:
        model: Changed.
    """
    if keras.backend.backend() != "tensorflow":
        return
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            spare_strided_depthwise(layer)
        elif isinstance(layer, keras.layers.DepthwiseConv2D) and layer.strides != (1, 1):
            layer.dtype_policy = keras.dtype_policies.DTypePolicy("float32")
