"""Quality of a face image: size, sharpness and pose, with the limits that it exceeds."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.preprocess import FER2013_INPUT, Point, crop_transform
from fer_sdk.results import FaceQuality, Landmarks

MIN_SIZE_PX: Final = 30.0
MIN_SHARPNESS: Final = 0.25
"""Derived from measurements, see `QualityLimits`."""

MAX_TURN_DEGREES: Final = 35.0
"""An assumption; there were no photos at known angles to measure it."""

UPSIDE_DOWN: Final = "upside down: the mouth is above the eyes"

NO_FACE_DEGREES: Final = 90.0
"""Reported for landmarks that form no face, such as a mouth above the eyes."""

_NOSE_DOWN: Final = 0.57
_MOUTH_DOWN: Final = 1.04
"""Distance below the midpoint of the eyes, in eye distances: medians of YuNet's landmarks on the
frontal photos of the Face Research Lab London Set."""

_NOSE_DEPTH: Final = 0.66
_MOUTH_DEPTH: Final = 0.11
"""Distance in front of the plane of the eyes, in eye distances: medians of MediaPipe's face mesh on
the same photos."""


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Limits from which on a face image counts as unsuitable.

    The limits of size and sharpness were set with the SDK's first default model: they are the last
    steps of `python -m research.view_quality` at which its accuracy on degraded PublicTest faces
    was within 5 points of that on the originals (32 px, and a blur of 0.75 px of the model's
    input), with a small allowance for the scatter of landmarks. At these steps the present default
    model loses 6.5 and 5.0 points, from a higher accuracy (docs/results/quality.md). The limit of
    yaw and pitch is an assumption; both angles are estimates that scatter by about 3 degrees on
    frontal photos. Roll has no limit, because the crop corrects it up to 45 degrees. YuNet's
    landmarks do not show more (about 27 degrees for faces rotated by 45, and about 5 for 75), so
    images must be upright.

    Attributes:
        min_size_px: Least `FaceQuality.size_px`.
        min_sharpness: Least `FaceQuality.sharpness`.
        max_turn_degrees: Largest absolute value of yaw and pitch.
    """

    min_size_px: float = MIN_SIZE_PX
    min_sharpness: float = MIN_SHARPNESS
    max_turn_degrees: float = MAX_TURN_DEGREES

    def __post_init__(self) -> None:
        for name in ("min_size_px", "min_sharpness", "max_turn_degrees"):
            if not 0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} must be 0 or more, but is {getattr(self, name)}")


DEFAULT_LIMITS: Final = QualityLimits()


def face_quality(
    crop: NDArray[np.uint8], landmarks: Landmarks, limits: QualityLimits = DEFAULT_LIMITS
) -> FaceQuality:
    """Measure the quality of a face image.

    Args:
        crop: Crop of the face as in FER2013, uint8 (48, 48), grey levels 0 to 255.
        landmarks: Landmarks of the face in pixels of the image.
        limits: Limits for `FaceQuality.reasons`.
    """
    size = _size_px(landmarks)
    sharpness = _sharpness(crop)
    yaw, pitch, roll = _pose_degrees(landmarks)
    reasons = []
    if landmarks.mouth[1] < (landmarks.right_eye[1] + landmarks.left_eye[1]) / 2:
        reasons.append(UPSIDE_DOWN)
    if size < limits.min_size_px:
        reasons.append(f"small: {size:.0f} px, under {limits.min_size_px:.0f}")
    if sharpness < limits.min_sharpness:
        reasons.append(f"blurred: sharpness {sharpness:.2f}, under {limits.min_sharpness:.2f}")
    for name, angle, limit in (
        ("turned aside", yaw, limits.max_turn_degrees),
        ("turned up or down", pitch, limits.max_turn_degrees),
    ):
        if abs(angle) > limit:
            reasons.append(f"{name}: {angle:.0f} degrees, over {limit:.0f}")
    return FaceQuality(size, sharpness, yaw, pitch, roll, tuple(reasons))


def _size_px(landmarks: Landmarks) -> float:
    transform = crop_transform(
        FER2013_INPUT.crop, landmarks.right_eye, landmarks.left_eye, landmarks.mouth
    )
    return FER2013_INPUT.width * transform.scale


def _sharpness(crop: NDArray[np.uint8]) -> float:
    """Return the standard deviation of the Laplacian divided by that of the grey levels, or 0."""
    levels = crop.astype(np.float64)
    inner = levels[1:-1, 1:-1]
    around = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:]
    deviation = _deviation(inner)
    return _deviation(around - 4 * inner) / deviation if deviation > 0 else 0.0


def _deviation(levels: NDArray[np.float64]) -> float:
    """Return the standard deviation, with the bits of NumPy's own, whose checks take longer."""
    rest = levels - np.add.reduce(levels, axis=None) / levels.size
    rest *= rest
    return math.sqrt(np.add.reduce(rest, axis=None) / rest.size)


def _pose_degrees(landmarks: Landmarks) -> tuple[float, float, float]:
    """Return yaw, pitch and roll, from the position of the nose between eyes and mouth.

    Assumes an orthographic projection: when the head turns, points in front of the plane of the
    eyes shift relative to those in it.
    """
    eyes = _minus(landmarks.left_eye, landmarks.right_eye)
    distance = math.hypot(*eyes)
    if distance == 0:
        return NO_FACE_DEGREES, NO_FACE_DEGREES, 0.0
    across = eyes[0] / distance, eyes[1] / distance
    middle = (
        (landmarks.left_eye[0] + landmarks.right_eye[0]) / 2,
        (landmarks.left_eye[1] + landmarks.right_eye[1]) / 2,
    )
    nose, mouth = _minus(landmarks.nose, middle), _minus(landmarks.mouth, middle)
    aside = (nose[0] * across[0] + nose[1] * across[1]) / distance
    nose_down = nose[1] * across[0] - nose[0] * across[1]
    mouth_down = mouth[1] * across[0] - mouth[0] * across[1]
    yaw = math.degrees(math.atan2(aside, _NOSE_DEPTH))
    roll = math.degrees(math.atan2(eyes[1], eyes[0]))
    if mouth_down <= 0:
        return yaw, NO_FACE_DEGREES, roll
    share = nose_down / mouth_down
    pitch = math.degrees(
        math.atan2(_NOSE_DOWN - share * _MOUTH_DOWN, _NOSE_DEPTH - share * _MOUTH_DEPTH)
    )
    return yaw, pitch, roll


def _minus(point: Point, other: Point) -> Point:
    return point[0] - other[0], point[1] - other[1]
