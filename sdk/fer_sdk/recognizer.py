"""A whole image in, faces with expressions out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.detectors.base import FaceDetector
from fer_sdk.detectors.yunet import YuNet
from fer_sdk.inputs.images import ImageSource, load_image
from fer_sdk.preprocess import FER2013_INPUT, Color, InputSpec, crop_face, to_bgr
from fer_sdk.quality import DEFAULT_LIMITS, QualityLimits, face_quality
from fer_sdk.results import Face, RecognizedFace


class ExpressionRecognizer(ContextManager):
    """Finds the faces of an image and classifies them.

    Threads may share one: their calls are safe and take turns. To run at the same time, open one a
    thread, with `threads=1`; NumPy, OpenCV and the runtimes let go of Python's lock:

        local = threading.local()

        def work(path):
            if not hasattr(local, "recognizer"):
                local.recognizer = ExpressionRecognizer()
            return local.recognizer.recognize(path)

        with ThreadPoolExecutor(max_workers=4) as pool:
            results = list(pool.map(work, paths))

    A forked child may go on with its parent's recognizer; a spawned process opens its own, in the
    `initializer` of its pool.
    """

    def __init__(
        self,
        model: str | Path | ExpressionClassifier = DEFAULT_MODEL,
        *,
        detector: FaceDetector | None = None,
        runtime: str | None = None,
        delegate: str = "cpu",
        threads: int = 1,
        limits: QualityLimits = DEFAULT_LIMITS,
    ) -> None:
        """Open the model and the face detector.

        Args:
            model: Name of a shipped model, path of a bundle, or a classifier of your own, which
                then brings its own runtime, delegate and threads.
            detector: Finds faces; None takes YuNet. It is closed with the recognizer.
            runtime: As in `ExpressionClassifier.load`.
            delegate: As in `ExpressionClassifier.load`.
            threads: CPU threads of the classifier.
            limits: From where on the view of a face is called bad.

        Raises:
            FerError: As `ExpressionClassifier.load` and `YuNet` do.
        """
        self.classifier = (
            model
            if isinstance(model, ExpressionClassifier)
            else ExpressionClassifier.load(
                model, runtime=runtime, delegate=delegate, threads=threads
            )
        )
        self.detector = YuNet() if detector is None else detector
        self._limits = limits

    def recognize(self, image: ImageSource, *, color: Color | None = None) -> list[RecognizedFace]:
        """Find the faces of an image and say what they express.

        Args:
            image: A uint8 array (height, width, 3), or (height, width) for color="grey", range
                [0, 255]; or the path of a photo, the bytes of one, or a Pillow image, as
                `fer_sdk.inputs.images.load_image` takes them.
            color: For an array the order of its channels: "bgr" as OpenCV reads, "rgb" as Pillow
                does, or "grey". The others know theirs.

        Returns:
            One `RecognizedFace` a face, best detection first; empty if there is none. Boxes and
            points are in pixels of the image; a photo's after its EXIF orientation.

        Raises:
            InputError: If the image is not of that form, or an array's color is not said.
            RuntimeFailure: If the recognizer is closed.
        """
        pixels, color = load_image(image, color)
        faces = self.detector.detect(to_bgr(pixels, color))
        return self.describe(pixels, faces, color=color)

    def describe(
        self, image: NDArray[np.uint8], faces: Sequence[Face], *, color: Color
    ) -> list[RecognizedFace]:
        """Say what faces that were found elsewhere express, all in one call.

        Args:
            image: uint8 (height, width, 3), or (height, width) for color="grey"; range [0, 255].
            faces: Where they are.
            color: Order of the channels.

        Returns:
            One `RecognizedFace` a face, in the same order.

        Raises:
            InputError: If the image is not of that form or a face's points define no crop.
        """
        crops = self.crops(image, tuple(faces), color=color)
        expressions = self.classifier.classify_inputs(crops)
        if self.classifier.bundle.input != FER2013_INPUT:
            crops = _crops(image, faces, FER2013_INPUT, color)
        return [
            RecognizedFace(face, expression, face_quality(crop, face.landmarks, self._limits))
            for face, expression, crop in zip(faces, expressions, crops, strict=True)
        ]

    def crops(
        self, image: NDArray[np.uint8], faces: tuple[Face, ...], *, color: Color
    ) -> NDArray[np.uint8]:
        """Return what the model sees of each face: uint8 (len(faces), height, width)."""
        return _crops(image, faces, self.classifier.bundle.input, color)

    def close(self) -> None:
        """Free model and detector; may be called twice."""
        self.classifier.close()
        self.detector.close()


def _crops(
    image: NDArray[np.uint8], faces: Sequence[Face], spec: InputSpec, color: Color
) -> NDArray[np.uint8]:
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
