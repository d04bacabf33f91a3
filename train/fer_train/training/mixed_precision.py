"""Layers that compute in bfloat16 while training, but for those that are slow in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import keras

_CPUINFO: Final = Path("/proc/cpuinfo")


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Build layers under a dtype policy of Keras, then go back to the former one."""
    former = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(former)


def warning(precision: str, cpuinfo: Path = _CPUINFO) -> str | None:
    """Return a line for who trains in bfloat16 where that is imitated, or None.

    An x86 processor without AVX512_BF16 imitates it: on an AMD EPYC (Zen 3), TensorFlow took 15 s
    for a step of `base` that took 2 s in float32.

    Args:
        precision: Keras' dtype policy.
        cpuinfo: Linux' list of what the processors have; where there is none, nothing is known.
    """
    if precision != "mixed_bfloat16" or keras.backend.backend() != "tensorflow":
        return None
    from tensorflow import config

    flags = cpuinfo.read_text().split() if cpuinfo.is_file() else []
    if config.list_physical_devices("GPU") or "avx2" not in flags or "avx512_bf16" in flags:
        return None
    return (
        "this processor imitates mixed_bfloat16, which is several times slower: add "
        "--precision float32"
    )


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
