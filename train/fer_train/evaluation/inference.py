"""Running trained networks and converted files on faces."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.extras import require
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import BundleError
from fer_sdk.evaluation.splits import Predict

if TYPE_CHECKING:
    import keras


def predict(model: "keras.Model", faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return logits, float32 (n, classes), for faces as `as_inputs` takes them."""
    return np.asarray(model.predict(as_inputs(faces), batch_size=256, verbose=0), np.float32)


def as_inputs(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return faces, uint8 (n, height, width) or with channels last, as a network's input."""
    return (faces if faces.ndim == 4 else faces[..., None]).astype(np.float32)


@contextmanager
def opened(model: Path) -> Iterator[tuple[ModelBundle, Predict]]:
    """Open a bundle in Keras, or a converted one in its file's own runtime.

    Args:
        model: .keras, .tflite or .onnx file with its sidecar.

    Yields:
        The bundle, and a function from faces to probabilities.

    Raises:
        FerError: If the bundle is damaged or its runtime is missing.
    """
    bundle = ModelBundle.load(model)
    if model.suffix != ".keras":
        with ExpressionClassifier.load(model) as classifier:
            yield bundle, classifier.probabilities
        return

    require("train", "opening .keras models", "keras")
    import keras

    try:
        network = keras.saving.load_model(model, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BundleError(f"Keras refuses {model}: {error}") from error

    def probabilities(faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        return softmax(predict(network, faces), bundle.temperature)

    yield bundle, probabilities
