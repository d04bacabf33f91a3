"""From a photo or a video to expressions, each stage apart: decode, detect, crop, classify."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.schema import EndToEnd
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.detectors.yunet import YuNet
from fer_sdk.errors import InputError
from fer_sdk.inputs.images import read_photo
from fer_sdk.recognizer import ExpressionRecognizer

PHOTO_WH: Final = (640, 480)
MAX_SIDES: Final = (640, 320)
"""Longer side of the image in which faces are searched: 640x480 and 320x240 for a photo."""
WARMUP: Final = 3
VIDEO_SUFFIXES: Final = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")


def measure_end_to_end(
    classifier: ExpressionClassifier, source: Path, *, frames: int
) -> tuple[EndToEnd, ...]:
    """Measure one photo again and again, or the frames of a video, on one thread.

    A photo is fitted into 640x480 and kept as JPEG first, so that the photos of two runs compare.

    Args:
        classifier: The model.
        source: Photo or video.
        frames: How many times the photo is labelled, or how many frames at most.

    Returns:
        One result for each of `MAX_SIDES`.

    Raises:
        InputError: If the file is neither a photo nor a video.
    """
    import cv2

    kept = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with _frames(source, frames + WARMUP) as (decode, image_wh):
            return tuple(
                _measure(classifier, source.name, decode, image_wh, side) for side in MAX_SIDES
            )
    finally:
        cv2.setNumThreads(kept)


def check_source(source: Path) -> None:
    """Decode one frame, before a long run ends with a file that is not there.

    Raises:
        InputError: If the file is neither a photo nor a video.
    """
    with _frames(source, 1) as (decode, _):
        next(decode())


Decode = Callable[[], Iterator[tuple[NDArray[np.uint8], int]]]
"""A fresh pass over the frames: each with the nanoseconds that its decoding took."""


def _measure(
    classifier: ExpressionClassifier,
    name: str,
    decode: Decode,
    image_wh: tuple[int, int],
    max_side: int,
) -> EndToEnd:
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
    return EndToEnd(
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
            there, image = capture.read()
            took = time.perf_counter_ns() - began
            if not there:
                if number == 0:
                    raise InputError(f"OpenCV cannot read a frame of {source}")
                return
            yield np.asarray(image, np.uint8), took
    finally:
        capture.release()


def fit(image: NDArray[np.uint8], size_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an image shrunk or enlarged to fit a size, black around it.

    Args:
        image: uint8 (height, width, 3).
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
