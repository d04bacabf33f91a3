"""Difference of the predictions of two bundles."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_convert.parity import Difference, difference
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import BundleError


def diff_bundles(first: Path, second: Path, faces: NDArray[np.uint8]) -> Difference:
    """Run two bundles on the same faces and compare their probabilities.

    Args:
        first: A bundle's model file.
        second: Another bundle's model file.
        faces: Model inputs, uint8 (n, height, width), range [0, 255].

    Raises:
        BundleError: If a bundle is damaged or their labels differ.
        FerError: If a runtime is missing.
    """
    predictions, labels = [], []
    for path in (first, second):
        with captured_native_log():
            classifier = ExpressionClassifier.load(path, prior="training")
        with classifier:
            predictions.append(classifier.probabilities(faces))
            labels.append(classifier.bundle.labels)
    if labels[0] != labels[1]:
        raise BundleError(f"{first} has labels {labels[0]}, but {second} has {labels[1]}")
    return difference(*predictions)
