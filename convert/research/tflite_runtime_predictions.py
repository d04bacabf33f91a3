"""Probabilities of a model in tflite-runtime, called by `research.conversion`.

It runs in its own environment, because tflite-runtime and TensorFlow need different NumPy versions:

    python tflite_runtime_predictions.py MODEL FACES.npy OUT.npy
"""

import sys
from pathlib import Path

import numpy as np

from fer_sdk.classifier import ExpressionClassifier


def main() -> None:
    """Read faces, uint8 (n, height, width), and write probabilities, float64 (n, classes)."""
    model, faces, out = (Path(argument) for argument in sys.argv[1:])
    with ExpressionClassifier.load(model, runtime="tflite", prior="training") as classifier:
        np.save(out, classifier.probabilities(np.load(faces)))


if __name__ == "__main__":
    main()
