"""Probabilities of a model in tflite-runtime.

    python -m research.tflite_runtime_predictions MODEL FACES.npy OUT.npy

For `fer-convert study`, which calls it in an environment of its own: tflite-runtime and TensorFlow
need different versions of NumPy.
"""

import sys
from pathlib import Path

import numpy as np

from fer_sdk.classifier import ExpressionClassifier


def main() -> None:
    """Run a bundle on faces, uint8 (n, height, width); write float64 (n, classes)."""
    model, faces, out = (Path(word) for word in sys.argv[1:])
    with ExpressionClassifier.load(model, runtime="tflite") as classifier:
        np.save(out, classifier.probabilities(np.load(faces)))


if __name__ == "__main__":
    main()
