"""Parity gate of face detectors: agreement of a converted file with OpenCV's `FaceDetectorYN`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fer_convert.parity import ParityError
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.detector import DetectorBundle, DetectorPrecision
from fer_sdk.detectors.yunet import YuNet
from fer_sdk.results import Face, Landmarks

MIN_SCORE: Final = 0.7
MAX_OVERLAP: Final = 0.3
SAME_FACE: Final = 0.5
"""Least intersection over union of two boxes of the same face."""


@dataclass(frozen=True, slots=True)
class DetectorTolerance:
    """Requirements on a converted detector.

    Attributes:
        median: Largest median distance of a landmark, as a share of the box's longer side.
        points: Largest 95th percentile of this distance. Rounding changes which of several
            neighbouring cells has the best score, and their landmarks differ by some per cent.
        score: Largest 95th percentile of the difference of a score.
        unmatched: Largest share of faces that only one of the two finds.
        near: A face whose score is within this distance of the threshold may be found by one only.
    """

    median: float
    points: float
    score: float
    unmatched: float
    near: float


TOLERANCES: Final[dict[DetectorPrecision, DetectorTolerance]] = {
    "float32": DetectorTolerance(median=1e-5, points=1e-4, score=1e-4, unmatched=0.0, near=1e-3),
    "int8": DetectorTolerance(median=0.01, points=0.05, score=0.05, unmatched=0.01, near=0.05),
}


@dataclass(frozen=True, slots=True)
class DetectorParity:
    """Comparison of a converted detector with OpenCV's on the same images.

    Attributes:
        images: Number of images.
        faces: Number of faces that OpenCV found.
        matched: Number of them that the converted file found.
        unmatched: Number of faces that only one of the two found, without those whose score is near
            the threshold.
        median: Median distance of a landmark, as a share of the box's longer side.
        points: 95th percentile of this distance.
        score: 95th percentile of the difference of a score.
    """

    images: int
    faces: int
    matched: int
    unmatched: int
    median: float
    points: float
    score: float

    def metrics(self, description: str) -> dict[str, Any]:
        """Return the comparison as a sidecar entry."""
        return {
            "data": description,
            "split": "parity with OpenCV's FaceDetectorYN",
            "n": self.images,
            "faces": self.faces,
            "matched": self.matched,
            "unmatched": self.unmatched,
            "points_median": round(self.median, 6),
            "points_95": round(self.points, 6),
            "score_95": round(self.score, 6),
        }


def check_detector(
    bundle: DetectorBundle, onnx: Path, images: Sequence[NDArray[np.uint8]]
) -> DetectorParity:
    """Compare a converted detector with OpenCV, which runs the ONNX file itself.

    Args:
        bundle: The converted file.
        onnx: The file that it was made from.
        images: uint8 (height, width, 3), BGR, at most 640 pixels wide and high.

    Raises:
        ParityError: If the file deviates by more than `TOLERANCES` allows, or OpenCV finds no face.
    """
    tolerance = TOLERANCES[bundle.precision]
    low = MIN_SCORE - tolerance.near
    with captured_native_log():
        reference = _OpenCv(onnx, low)
        detector = YuNet(bundle.path, min_score=low)
    points: list[float] = []
    scores: list[float] = []
    faces = matched = unmatched = 0
    for image in images:
        given, wanted = detector.detect(image), reference.detect(image)
        pairs = _pairs(given, wanted)
        faces += sum(face.score >= MIN_SCORE for face in wanted)
        matched += sum(other.score >= MIN_SCORE for _, other in pairs)
        alone = [face for face in given if all(face is not one for one, _ in pairs)]
        alone += [face for face in wanted if all(face is not other for _, other in pairs)]
        unmatched += sum(face.score >= MIN_SCORE + tolerance.near for face in alone)
        for one, other in pairs:
            points += _distances(one, other)
            scores.append(abs(one.score - other.score))
    detector.close()
    if not faces:
        raise ParityError(f"OpenCV finds no face in {len(images)} images: use photos of faces")
    median, high = np.percentile(points, [50, 95]).tolist()
    parity = DetectorParity(
        len(images), faces, matched, unmatched,
        median, high, float(np.percentile(scores, 95)),
    )  # fmt: skip
    if (
        parity.median > tolerance.median
        or parity.points > tolerance.points
        or parity.score > tolerance.score
        or unmatched > tolerance.unmatched * faces
    ):
        raise ParityError(
            f"{bundle.path.name} differs from OpenCV on {len(images)} images: landmarks by "
            f"{parity.median:.2%} of the box (median, allowed {tolerance.median:.2%}) and "
            f"{parity.points:.2%} (95th percentile, allowed {tolerance.points:.2%}), "
            f"scores by {parity.score:.2g} (allowed {tolerance.score:g}), and {unmatched} of "
            f"{faces} faces are found by one only (allowed {tolerance.unmatched:.0%})"
        )
    return parity


class _OpenCv:
    """OpenCV's detector for images of any size."""

    def __init__(self, onnx: Path, min_score: float) -> None:
        import cv2

        self._net = cv2.FaceDetectorYN.create(str(onnx), "", (32, 32), min_score, MAX_OVERLAP)

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        self._net.setInputSize((image.shape[1], image.shape[0]))
        _, rows = self._net.detect(image)
        found = []
        for row in () if rows is None else np.asarray(rows, np.float64):
            left, top, width, height, *points, score = row.tolist()
            landmarks = Landmarks(*zip(points[0::2], points[1::2], strict=True))
            found.append(Face((left, top, left + width, top + height), landmarks, score))
        return found


def _pairs(given: Sequence[Face], wanted: Sequence[Face]) -> list[tuple[Face, Face]]:
    """Pair the faces of two detectors whose boxes overlap, the best overlap first."""
    overlaps = [
        (_overlap(one, other), i, j)
        for i, one in enumerate(given)
        for j, other in enumerate(wanted)
    ]
    pairs, used_given, used_wanted = [], set(), set()
    for overlap, i, j in sorted(overlaps, reverse=True):
        if overlap >= SAME_FACE and i not in used_given and j not in used_wanted:
            pairs.append((given[i], wanted[j]))
            used_given.add(i)
            used_wanted.add(j)
    return pairs


def _overlap(one: Face, other: Face) -> float:
    (left, top, right, bottom), (left2, top2, right2, bottom2) = one.box_xyxy, other.box_xyxy
    across = max(0.0, min(right, right2) - max(left, left2))
    down = max(0.0, min(bottom, bottom2) - max(top, top2))
    areas = (right - left) * (bottom - top) + (right2 - left2) * (bottom2 - top2)
    return across * down / (areas - across * down)


def _distances(one: Face, other: Face) -> list[float]:
    left, top, right, bottom = other.box_xyxy
    side = max(right - left, bottom - top)
    names = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
    pairs = [(getattr(one.landmarks, name), getattr(other.landmarks, name)) for name in names]
    return [float(np.hypot(a[0] - b[0], a[1] - b[1])) / side for a, b in pairs]
