"""Training in bfloat16, except for layers that are slow in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import keras

_CPUINFO: Final = Path("/proc/cpuinfo")


@contextmanager
def dtype_policy(name: str) -> Iterator[None]:
    """Set a dtype policy of Keras within the context and restore the former one."""
    former = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(former)


def warning(precision: str, cpuinfo: Path = _CPUINFO) -> str | None:
    """Return a warning if the processor emulates bfloat16, else None.

    x86 processors without AVX512_BF16 emulate it: on an AMD EPYC (Zen 3), a step of `base` took
    TensorFlow 15 s in bfloat16 and 2 s in float32.

    Args:
        precision: Dtype policy of Keras.
        cpuinfo: File with the processor's flags, as Linux provides it; if missing, no warning.
    """
    if precision != "mixed_bfloat16" or keras.backend.backend() != "tensorflow":
        return None
    from tensorflow import config

    flags = cpuinfo.read_text().split() if cpuinfo.is_file() else []
    if config.list_physical_devices("GPU") or "avx2" not in flags or "avx512_bf16" in flags:
        return None
    return (
        "this processor emulates mixed_bfloat16, which is several times slower: add "
        "--precision float32"
    )


def keep_strided_depthwise_float32(model: keras.Model) -> None:
    """Set strided depthwise convolutions to float32 on TensorFlow; does nothing on other backends.

    TensorFlow has no fast CPU kernel for them in bfloat16; a MobileNet would train more slowly than
    in float32.

    Args:
        model: Modified in place.
    """
    if keras.backend.backend() != "tensorflow":
        return
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            keep_strided_depthwise_float32(layer)
        elif isinstance(layer, keras.layers.DepthwiseConv2D) and layer.strides != (1, 1):
            layer.dtype_policy = keras.dtype_policies.DTypePolicy("float32")


def set_policy(model: keras.Model, name: str) -> None:
    """Set the dtype policy of all layers of a trained network; its weights stay float32.

    Args:
        model: Modified in place.
        name: Dtype policy of Keras.
    """
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            set_policy(layer, name)
        else:
            layer.dtype_policy = keras.dtype_policies.DTypePolicy(name)
