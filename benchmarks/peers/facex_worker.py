"""The PyPI package facex: `PoolManager().predict(image)`, a pool of one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.worker import serve

LABELS = {
    "anger": "angry", "disgust": "disgust", "fear": "fear", "happy": "happy",
    "neutral": "neutral", "sadness": "sad", "surprised": "surprise",
}  # fmt: skip


class Facex:
    """The package with a pool of one classifier."""

    def __init__(self) -> None:
        """Load the package's own model."""
        import facex
        import tensorflow as tf

        self._pool = facex.PoolManager(pool_size=1)
        self._one = self._pool.pool[0]
        self.labels = tuple(LABELS[name] for name in self._one.category)
        self.runtime = f"TensorFlow {tf.__version__}, tflite"

    def classify(self, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Classify each face as the package does after detection."""
        return np.array([list(self._one.detect_emotion(face).values()) for face in faces], float)

    def prepare(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Resize as the package does."""
        from facex.utils import input_resize

        return np.asarray(input_resize(face), np.float32)

    def infer(self, prepared: NDArray[np.float32]) -> None:
        """Run the interpreter."""
        one = self._one
        one.model.set_tensor(one.input_details[0]["index"], prepared)
        one.model.invoke()
        one.model.get_tensor(one.output_details[0]["index"])

    def recognize(self, image: NDArray[np.uint8], max_side: int | None) -> list[str]:
        """Detect and classify."""
        found = self._pool.predict(image)
        return [LABELS[max(face["emot"], key=face["emot"].get)] for face in found]


def imports() -> None:
    """Import the package."""
    import facex  # noqa: F401


def load() -> Any:
    """Return the loaded package."""
    return Facex()


if __name__ == "__main__":
    serve(imports, load)
