"""The PyPI package fer: `FER().detect_emotions(image)`; its argument is "tflite" or "keras"."""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.worker import serve


def imports() -> None:
    """Import the package; its `__init__` does not export the class."""
    from fer.fer import FER  # noqa: F401


def load() -> Any:
    """Return the package with the network named on the command line."""
    import tensorflow as tf
    from fer.fer import FER

    class Fer(FER):  # type: ignore[misc]
        """Keeps the exact probabilities, which the package rounds to two digits."""

        labels = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
        runtime = f"TensorFlow {tf.__version__}, {sys.argv[1]}"

        def _classify_emotions(self, gray_faces: NDArray[np.float32]) -> Any:
            self.exact = np.asarray(super()._classify_emotions(gray_faces), np.float64)
            return self.exact

        def classify(self, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
            found = []
            for face in faces:
                self.detect_emotions(np.repeat(face[..., None], 3, axis=2), [(0, 0, 48, 48)])
                found.append(self.exact[0])
            return np.array(found)

        def prepare(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
            import cv2

            resized = cv2.resize(face, (64, 64)).astype(np.float32)
            return np.asarray((resized[None] / 255 - 0.5) * 2, np.float32)

        def infer(self, prepared: NDArray[np.float32]) -> None:
            np.asarray(FER._classify_emotions(self, prepared))

        def recognize(self, image: NDArray[np.uint8], max_side: int | None) -> list[str]:
            found = detector.detect_emotions(image)
            return [max(face["emotions"], key=face["emotions"].get) for face in found]

    tflite = sys.argv[1] == "tflite"
    detector = FER(use_tflite=tflite)
    # Faces of FER2013 are cropped already, so no margin is added around the box.
    return Fer(use_tflite=tflite, offsets=(0, 0))


if __name__ == "__main__":
    serve(imports, load)
