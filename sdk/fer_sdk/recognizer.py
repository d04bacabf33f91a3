"""A whole image in, faces with expressions out."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.closing import Closing
from fer_sdk.faces import FaceDetector, YuNet
from fer_sdk.preprocess import Color, check_image, crop_face
from fer_sdk.results import Face, RecognizedFace
from fer_sdk.shipped import DEFAULT_MODEL


class ExpressionRecognizer(Closing):
    """Finds the faces of an image and classifies them; one object a thread."""

    def __init__(
        self,
        model: str | Path | ExpressionClassifier = DEFAULT_MODEL,
        *,
        detector: FaceDetector | None = None,
        runtime: str | None = None,
        threads: int = 1,
    ) -> None:
        """Open the model and the face detector.

        Args:
            model: Name of a shipped model, path of a bundle, or a classifier of your own.
            detector: Finds faces; None takes YuNet.
            runtime: As in `ExpressionClassifier.load`.
            threads: CPU threads of the classifier.

        Raises:
            FerError: As `ExpressionClassifier.load` and `YuNet` do.
        """
        self.classifier = (
            model
            if isinstance(model, ExpressionClassifier)
            else ExpressionClassifier.load(model, runtime=runtime, threads=threads)
        )
        self.detector = YuNet() if detector is None else detector

    def recognize(self, image: NDArray[np.uint8], *, color: Color) -> list[RecognizedFace]:
        """Find the faces of an image and say what they express.

        Args:
            image: uint8 (height, width, 3), or (height, width) for color="grey"; range [0, 255].
            color: Order of the channels: "bgr" as OpenCV reads, "rgb" as Pillow does, or "grey".

        Returns:
            One `RecognizedFace` a face, best detection first; empty if there is none.

        Raises:
            InputError: If the image is not of that form.
        """
        check_image(image, color)
        faces = self.detector.detect(_to_bgr(image, color))
        expressions = self.classifier.classify_inputs(self.crops(image, faces, color=color))
        return [RecognizedFace(f, e) for f, e in zip(faces, expressions, strict=True)]

    def crops(
        self, image: NDArray[np.uint8], faces: tuple[Face, ...], *, color: Color
    ) -> NDArray[np.uint8]:
        """Return what the model sees of each face: uint8 (len(faces), height, width)."""
        spec = self.classifier.bundle.input
        inputs = np.zeros((len(faces), spec.height, spec.width), np.uint8)
        for number, face in enumerate(faces):
            inputs[number] = crop_face(
                image,
                spec,
                right_eye=face.landmarks.right_eye,
                left_eye=face.landmarks.left_eye,
                mouth=face.landmarks.mouth,
                color=color,
            )
        return inputs

    def close(self) -> None:
        """Free model and detector; may be called twice."""
        self.classifier.close()
        self.detector.close()


def _to_bgr(image: NDArray[np.uint8], color: Color) -> NDArray[np.uint8]:
    if color == "bgr":
        return image
    if color == "rgb":
        return np.ascontiguousarray(image[..., ::-1])
    return np.repeat(image[..., None], 3, axis=2)
