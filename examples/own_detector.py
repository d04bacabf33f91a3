"""Use a detector of your own: python examples/own_detector.py PHOTO.

This one runs YuNet on the photo and on its central part, where it finds smaller faces. A detector
is any object with these two methods that returns a box and landmarks for each face.
"""

import sys
from dataclasses import astuple

import numpy as np
from numpy.typing import NDArray

from fer_sdk import ExpressionRecognizer, Face, Landmarks, YuNet


class TwoScaleDetector:
    """Detects faces in the photo and, at twice the scale, in its central part."""

    def __init__(self) -> None:
        self._yunet = YuNet()

    def detect(self, image_bgr: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Return the faces of the photo, highest score first."""
        height, width = image_bgr.shape[:2]
        x, y = width // 4, height // 4
        faces = list(self._yunet.detect(image_bgr))
        for face in self._yunet.detect(image_bgr[y : y + height // 2, x : x + width // 2]):
            moved = _moved(face, x, y)
            if not any(_same(moved, known) for known in faces):
                faces.append(moved)
        return tuple(sorted(faces, key=lambda face: -face.score))

    def close(self) -> None:
        """Free YuNet."""
        self._yunet.close()


def _moved(face: Face, x: int, y: int) -> Face:
    left, top, right, bottom = face.box_xyxy
    points = [(across + x, down + y) for across, down in astuple(face.landmarks)]
    return Face((left + x, top + y, right + x, bottom + y), Landmarks(*points), face.score)


def _same(face: Face, other: Face) -> bool:
    left, top, right, bottom = other.box_xyxy
    across, down = face.landmarks.nose
    return left < across < right and top < down < bottom


with ExpressionRecognizer(detector=TwoScaleDetector()) as recognizer:
    for face in recognizer.recognize(sys.argv[1]):
        print(face.label, f"{face.confidence:.0%}")
