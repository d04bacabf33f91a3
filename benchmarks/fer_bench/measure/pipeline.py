"""Time of each pipeline stage on a photo or video: decode, detect, crop, classify."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.schema import PipelineTimes
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.detectors.yunet import YuNet
from fer_sdk.errors import InputError
from fer_sdk.inputs.images import read_photo
from fer_sdk.recognizer import ExpressionRecognizer

PHOTO_WH: Final = (640, 480)
MAX_SIDES: Final = (640, 320)
"""Longer side of the image given to the face detector: 640x480 and 320x240 for a photo."""
WARMUP: Final = 3
VIDEO_SUFFIXES: Final = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")


def measure_pipeline(
    classifier: ExpressionClassifier, source: Path, *, frames: int
) -> tuple[PipelineTimes, ...]:
    """Time the stages on a photo, repeatedly, or on the frames of a video, on one thread.

    A photo is first fitted into 640x480 and saved as JPEG, so that different photos are comparable.

    Args:
        classifier: Loaded model.
        source: Photo or video.
        frames: Number of passes over the photo, or maximum number of frames.

    Returns:
        One result per entry of `MAX_SIDES`.

    Raises:
        InputError: If the file cannot be read as a photo or video.
    """
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with _frames(source, frames + WARMUP) as (decode, image_wh):
            return tuple(
                _measure(classifier, source.name, decode, image_wh, side) for side in MAX_SIDES
            )
    finally:
        cv2.setNumThreads(threads)


def check_source(source: Path) -> None:
    """Decode one frame, so that an unreadable file is reported before a long run.

    Raises:
        InputError: If the file cannot be read as a photo or video.
    """
    with _frames(source, 1) as (decode, _):
        next(decode())


Decode = Callable[[], Iterator[tuple[NDArray[np.uint8], int]]]
"""Starts a new pass over the frames; yields each frame with its decoding time in nanoseconds."""


def _measure(
    classifier: ExpressionClassifier,
    name: str,
    decode: Decode,
    image_wh: tuple[int, int],
    max_side: int,
) -> PipelineTimes:
    detector = YuNet(max_side=max_side)
    recognizer = ExpressionRecognizer(classifier, detector=detector)
    stages: dict[str, list[int]] = {"decode": [], "detect": [], "crop": [], "classify": []}
    found = 0
    for number, (image, decoding) in enumerate(decode()):
        began = time.perf_counter_ns()
        faces = detector.detect(image)
        detected = time.perf_counter_ns()
        crops = recognizer.crops(image, faces, color="bgr")
        cropped = time.perf_counter_ns()
        classifier.classify_inputs(crops)
        classified = time.perf_counter_ns()
        if number < WARMUP:
            continue
        found += len(faces)
        times = (decoding, detected - began, cropped - detected, classified - cropped)
        for stage, nanoseconds in zip(stages.values(), times, strict=True):
            stage.append(nanoseconds)
    shrink = min(1.0, max_side / max(image_wh))
    return PipelineTimes(
        source=name,
        image_wh=image_wh,
        detection_wh=(round(image_wh[0] * shrink), round(image_wh[1] * shrink)),
        faces=found,
        stages_ns={stage: tuple(times) for stage, times in stages.items()},
    )


@contextmanager
def _frames(source: Path, count: int) -> Iterator[tuple[Decode, tuple[int, int]]]:
    import cv2

    if source.suffix.lower() not in VIDEO_SUFFIXES:
        with tempfile.TemporaryDirectory() as folder:
            photo = Path(folder) / "photo.jpg"
            cv2.imwrite(str(photo), fit(read_photo(source), PHOTO_WH))

            def photos() -> Iterator[tuple[NDArray[np.uint8], int]]:
                for _ in range(count):
                    began = time.perf_counter_ns()
                    image = read_photo(photo)
                    yield image, time.perf_counter_ns() - began

            yield photos, PHOTO_WH
        return

    first = next(_video(source, 1))[0]

    def frames() -> Iterator[tuple[NDArray[np.uint8], int]]:
        return _video(source, count)

    yield frames, (first.shape[1], first.shape[0])


def _video(source: Path, count: int) -> Iterator[tuple[NDArray[np.uint8], int]]:
    import cv2

    capture = cv2.VideoCapture(str(source))
    try:
        for number in range(count):
            began = time.perf_counter_ns()
            success, image = capture.read()
            took = time.perf_counter_ns() - began
            if not success:
                if number == 0:
                    raise InputError(f"OpenCV cannot read a frame of {source}")
                return
            yield np.asarray(image, np.uint8), took
    finally:
        capture.release()


def fit(image: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize an image to fit a size, padded with black.

    Args:
        image: uint8 (height, width, 3), range [0, 255].
        size_wh: Width and height in pixels.
    """
    import cv2

    height, width = image.shape[:2]
    zoom = min(size_wh[0] / width, size_wh[1] / height)
    inner = max(1, round(width * zoom)), max(1, round(height * zoom))
    resized = cv2.resize(image, inner, interpolation=cv2.INTER_AREA)
    fitted = np.zeros((size_wh[1], size_wh[0], 3), np.uint8)
    left, top = (size_wh[0] - inner[0]) // 2, (size_wh[1] - inner[1]) // 2
    fitted[top : top + inner[1], left : left + inner[0]] = resized
    return fitted
