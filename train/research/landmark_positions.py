"""Where FER2013's faces have their eyes and mouths: what the SDK's crop is fitted to."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from fer_sdk.detectors.base import FaceDetector
from fer_sdk.evaluation.fer2013 import SIDE, TRAINING, Fer2013
from fer_sdk.preprocess import CropSpec, Point

ZOOM, MARGIN = 4, 48  # a 48 px face is enlarged and framed, since detectors look for whole heads


@dataclass(frozen=True, slots=True)
class LandmarkStudy:
    """Median places of eyes and mouth.

    Attributes:
        searched: Training faces that were searched.
        found: Those in which the detector found a face.
        crop: Median places in pixels of the 48x48 image, averaged with their mirror image.
        spread: Standard deviation of each point, (x, y) in pixels: right eye, left eye, mouth.
    """

    searched: int
    found: int
    crop: CropSpec
    spread: tuple[Point, Point, Point]


def study_landmarks(
    data: Fer2013,
    detector: FaceDetector,
    faces: int,
    report: Callable[[int], None] = lambda faces: None,
) -> LandmarkStudy:
    """Detect landmarks in FER2013's Training faces.

    Args:
        data: FER2013.
        detector: Finds eyes and mouth.
        faces: How many faces to search, drawn with a fixed seed.
        report: Told about every face.
    """
    rows = np.random.default_rng(0).permutation(data.rows(TRAINING, deduplicated=True))[:faces]
    places = []
    for row in rows:
        large = cv2.resize(data.pixels[row], None, fx=ZOOM, fy=ZOOM)
        framed = np.pad(large, MARGIN)
        found = detector.detect(np.asarray(cv2.cvtColor(framed, cv2.COLOR_GRAY2BGR), np.uint8))
        if found:
            points = found[0].landmarks
            places.append((points.right_eye, points.left_eye, points.mouth))
        report(1)
    inside = (np.array(places) - MARGIN + 0.5) / ZOOM - 0.5  # (n, 3 points, x and y)
    right, left, mouth = np.median(inside, axis=0)
    last = SIDE - 1
    eye = (float(right[0] + last - left[0]) / 2, float(right[1] + left[1]) / 2)
    spread = inside.std(axis=0)
    return LandmarkStudy(
        searched=len(rows),
        found=len(places),
        crop=CropSpec(eye, (last - eye[0], eye[1]), (last / 2, float(mouth[1]))),
        spread=(_point(spread[0]), _point(spread[1]), _point(spread[2])),
    )


def _point(pair: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Point:
    return float(pair[0]), float(pair[1])
