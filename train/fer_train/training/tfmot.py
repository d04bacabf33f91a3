"""TensorFlow Model Optimization (tfmot) and tf_keras beside Keras 3."""

import os
from importlib.metadata import version
from typing import Final

from fer_sdk._internal.extras import require

_VARIABLE: Final = "TF_USE_LEGACY_KERAS"


def require_tfmot() -> None:
    """Import tfmot and tf_keras before a module that uses them.

    tfmot works with models of tf_keras only. When imported, it sets TF_USE_LEGACY_KERAS=1, which
    makes `tf.keras` mean tf_keras, in this process unless TensorFlow resolved the name before, and
    in child processes. This function resolves it first and restores the environment.

    Raises:
        MissingDependencyError: If a package is not installed.
    """
    require("train", "training", "tensorflow")
    import tensorflow as tf

    tf.keras.layers  # noqa: B018  # resolves `tf.keras`
    before = os.environ.get(_VARIABLE)
    require("qat", "quantization-aware training", "tf_keras", "tensorflow_model_optimization")
    if before is None:
        os.environ.pop(_VARIABLE, None)


def versions() -> str:
    """Return names and versions of the packages, for sidecars."""
    return (
        f"tensorflow-model-optimization {version('tensorflow-model-optimization')} "
        f"on tf-keras {version('tf-keras')}"
    )
