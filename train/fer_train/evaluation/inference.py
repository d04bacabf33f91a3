"""Inference with trained networks and converted models."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.extras import require
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.output_kind import check_output, probe_faces
from fer_sdk.bundles.prior import TRAINING
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import BundleError
from fer_sdk.evaluation.splits import PredictFunction

if TYPE_CHECKING:
    import keras


def predict(model: "keras.Model", faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return logits, float32 (n, classes), for faces as in `to_network_input`."""
    return np.asarray(model.predict(to_network_input(faces), batch_size=256, verbose=0), np.float32)


def to_network_input(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert uint8 faces, with or without a channel axis, to float32 (n, h, w, channels)."""
    return (faces if faces.ndim == 4 else faces[..., None]).astype(np.float32)


@contextmanager
def open_model(model: Path, prior: str = TRAINING) -> Iterator[tuple[ModelBundle, PredictFunction]]:
    """Open a .keras file in Keras, or a converted model in the runtime of its format.

    Args:
        model: .keras, .tflite or .onnx file with its sidecar.
        prior: Name of one of the model's priors.

    Yields:
        The bundle, and a function from faces, uint8 (n, 48, 48), to probabilities, float64
        (n, classes).

    Raises:
        FerError: If the bundle is damaged, lacks the prior, or its runtime is missing.
    """
    bundle = ModelBundle.load(model)
    if model.suffix != ".keras":
        with ExpressionClassifier.load(model, prior=prior) as classifier:
            yield bundle, classifier.probabilities
        return

    constants = bundle.prior(prior)
    offsets = np.array(constants.offsets, np.float32)
    require("train", "opening .keras models", "keras")
    import keras

    try:
        network = keras.saving.load_model(model, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BundleError(f"Keras cannot load {model}: {error}") from error
    probes = probe_faces(bundle.input)
    check_output(predict(network, probes), bundle.output, model.name)

    def probabilities(faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        return softmax(predict(network, faces) + offsets, constants.temperature)

    yield bundle, probabilities
