"""Face detection and expression classification of images."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.detectors.base import FaceDetector
from fer_sdk.detectors.yunet import MAX_SIDE, Search, open_yunet
from fer_sdk.errors import InputError
from fer_sdk.inputs.images import ImageSource, load_image
from fer_sdk.preprocess import FER2013_INPUT, Color, InputSpec, crop_face, to_bgr
from fer_sdk.quality import DEFAULT_LIMITS, QualityLimits, face_quality
from fer_sdk.results import Face, ImageResult, RecognizedFace


class ExpressionRecognizer(ContextManager):
    """Detects the faces of an image and classifies their expressions.

    Threads may share one instance; their calls run one after the other. For parallel work open one
    instance per thread with `threads=1`: NumPy and the runtimes release Python's global
    interpreter lock:

        local = threading.local()

        def work(path):
            if not hasattr(local, "recognizer"):
                local.recognizer = ExpressionRecognizer()
            return local.recognizer.recognize(path)

        with ThreadPoolExecutor(max_workers=4) as pool:
            results = list(pool.map(work, paths))

    A forked child process may use its parent's recognizer. A spawned process opens its own, for
    example in the `initializer` of its pool.
    """

    def __init__(
        self,
        model: str | Path | ExpressionClassifier = DEFAULT_MODEL,
        *,
        detector: FaceDetector | None = None,
        runtime: str | None = None,
        delegate: str = "cpu",
        threads: int = 1,
        prior: PriorChoice = None,
        limits: QualityLimits = DEFAULT_LIMITS,
        max_side: int = MAX_SIDE,
        search: Search = "fast",
    ) -> None:
        """Open the model and the face detector.

        Args:
            model: Name of a shipped model, path of a model file, or an open classifier; `runtime`,
                `delegate` and `threads` are ignored for the latter.
            detector: Face detector, closed with the recognizer; None opens YuNet.
            runtime: As in `ExpressionClassifier.load`. YuNet runs on "tflite" if that is given,
                else on "litert".
            delegate: As in `ExpressionClassifier.load`, also of YuNet.
            threads: CPU threads of the classifier and of YuNet.
            prior: Expected class frequencies, as in `ExpressionClassifier.load`.
            limits: Limits of `FaceQuality.reasons`.
            max_side: As in `YuNet`; has no effect on another detector.
            search: As in `YuNet`; has no effect on another detector.

        Raises:
            FerError: As `ExpressionClassifier.load` and `YuNet` do.
            InputError: If a prior is given with an open classifier, which has its own.
        """
        if prior is not None and isinstance(model, ExpressionClassifier):
            raise InputError("an open classifier has its own prior: give it to the classifier")
        self.classifier = (
            model
            if isinstance(model, ExpressionClassifier)
            else ExpressionClassifier.load(
                model, runtime=runtime, delegate=delegate, threads=threads, prior=prior
            )
        )
        self.detector: FaceDetector = (
            open_yunet(runtime, delegate, threads, max_side=max_side, search=search)
            if detector is None
            else detector
        )
        self._limits = limits

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels of the model, in the order of its outputs."""
        return self.classifier.bundle.labels

    def recognize(
        self,
        image: ImageSource,
        *,
        color: Color | None = None,
        orientation: int | None = None,
    ) -> ImageResult:
        """Detect the faces of an image and classify their expressions.

        Args:
            image: A uint8 array (height, width, 3), or (height, width) for color="grey", range
                [0, 255]; or the path, bytes, binary file object or base64 data URI of a photo; or
                a Pillow image.
            color: Channel order of an array: "bgr" as OpenCV reads, "rgb" as Pillow does, or
                "grey". None for the others, whose channel order is known.
            orientation: EXIF orientation of an array that is not upright, 1 to 8. The others are
                rotated by their own.

        Returns:
            The faces, highest detection score first; empty if there is none. Coordinates are in
            pixels of the upright image, after rotation by its EXIF orientation.

        Raises:
            InputError: If the image is of another form or cannot be decoded, or `color` is missing
                for an array.
            RuntimeFailure: If the recognizer is closed.
        """
        begin = time.perf_counter()
        pixels, color = load_image(image, color, orientation=orientation)
        read = time.perf_counter()
        faces = self.detector.detect(to_bgr(pixels, color))
        detected = time.perf_counter()
        result = self.describe(pixels, faces, color=color)
        speed_ms = {"read": 1e3 * (read - begin), "detect": 1e3 * (detected - read)}
        return ImageResult(result.faces, speed_ms | result.speed_ms)

    def describe(
        self, image: NDArray[np.uint8], faces: Sequence[Face], *, color: Color
    ) -> ImageResult:
        """Classify faces that are already detected, all in one batch.

        Args:
            image: uint8 (height, width, 3), or (height, width) for color="grey"; range [0, 255].
            faces: Detected faces; their landmarks define the crops.
            color: Channel order of the image.

        Returns:
            One `RecognizedFace` per face, in the same order.

        Raises:
            InputError: If the image is of another form or a face's landmarks define no crop.
            RuntimeFailure: If the recognizer is closed.
        """
        begin = time.perf_counter()
        crops = self.crops(image, faces, color=color)
        cropped = time.perf_counter()
        expressions = self.classifier.classify_inputs(crops)
        classified = time.perf_counter()
        if self.classifier.bundle.input != FER2013_INPUT:
            crops = _crops(image, faces, FER2013_INPUT, color)
        recognized = tuple(
            RecognizedFace(
                box_xyxy=face.box_xyxy,
                landmarks=face.landmarks,
                score=face.score,
                label=expression.label,
                confidence=expression.confidence,
                uncertain=expression.uncertain,
                scores=expression.scores,
                quality=face_quality(crop, face.landmarks, self._limits),
            )
            for face, expression, crop in zip(faces, expressions, crops, strict=True)
        )
        speed_ms = {
            "crop": 1e3 * (cropped - begin),
            "classify": 1e3 * (classified - cropped),
            "quality": 1e3 * (time.perf_counter() - classified),
        }
        return ImageResult(recognized, speed_ms)

    def crops(
        self, image: NDArray[np.uint8], faces: Sequence[Face], *, color: Color
    ) -> NDArray[np.uint8]:
        """Return the model's input for each face.

        Args:
            image: uint8 (height, width, 3), or (height, width) for color="grey"; range [0, 255].
            faces: Detected or recognized faces; their landmarks define the crops.
            color: Channel order of the image.

        Returns:
            uint8 (len(faces), *shape) of the shape of the model's input, levels 0 to 255.

        Raises:
            InputError: If the image is of another form or a face's landmarks define no crop.
        """
        return _crops(image, faces, self.classifier.bundle.input, color)

    def close(self) -> None:
        """Free the model and the detector; may be called twice."""
        self.classifier.close()
        self.detector.close()


def _crops(
    image: NDArray[np.uint8], faces: Sequence[Face], spec: InputSpec, color: Color
) -> NDArray[np.uint8]:
    inputs = np.zeros((len(faces), *spec.shape), np.uint8)
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
