"""FER SDK on one thread, with the model file named on the command line."""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peers.worker import serve


class Sdk:
    """`ExpressionRecognizer` as the README shows it."""

    def __init__(self, model: str) -> None:
        """Load a model by name or file."""
        import cv2

        from fer_sdk import ExpressionRecognizer

        cv2.setNumThreads(1)
        default = ExpressionRecognizer(model, prior="training")  # scored on FER2013
        self._recognizers: dict[int | None, ExpressionRecognizer] = {None: default}
        self._classifier = default.classifier
        self.labels = self._classifier.bundle.labels
        self.runtime = "fer_sdk"

    def classify(self, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return calibrated probabilities."""
        return self._classifier.probabilities(faces)

    def prepare(self, face: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the face as a batch of one, without conversion."""
        return face[None]

    def infer(self, prepared: NDArray[np.uint8]) -> None:
        """Run the model from pixels to logits."""
        self._classifier._session.run(prepared)

    def recognize(self, image: NDArray[np.uint8], max_side: int | None) -> list[str]:
        """Detect and classify; `max_side` is a setting of YuNet."""
        if max_side not in self._recognizers:
            from fer_sdk import ExpressionRecognizer, YuNet

            detector = YuNet(max_side=max_side or 640)
            self._recognizers[max_side] = ExpressionRecognizer(self._classifier, detector=detector)
        return [f.label for f in self._recognizers[max_side].recognize(image, color="bgr")]


def imports() -> None:
    """Import what an application imports."""
    from fer_sdk import ExpressionRecognizer, read_photo  # noqa: F401


def load() -> Any:
    """Return the SDK with the model named on the command line."""
    return Sdk(sys.argv[1])


if __name__ == "__main__":
    serve(imports, load)
