"""How good a view of a face is: size, sharpness and pose, with reasons to leave it out."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.preprocess import FER2013_INPUT, Point, crop_transform
from fer_sdk.results import FaceQuality, Landmarks

MIN_SIZE_PX: Final = 30.0
MIN_SHARPNESS: Final = 0.25
"""Measured: see `QualityLimits`."""

MAX_TURN_DEGREES: Final = 35.0
"""Not measured, for lack of photos at known angles."""

NO_FACE_DEGREES: Final = 90.0
"""Stands for the pose of points that form no face: eyes in one place, a mouth above them."""

_NOSE_DOWN: Final = 0.57
_MOUTH_DOWN: Final = 1.04
"""Below the middle of the eyes, in eye distances: medians of YuNet on the London photos."""

_NOSE_DEPTH: Final = 0.66
_MOUTH_DEPTH: Final = 0.11
"""Before the plane of the eyes, in eye distances: medians of MediaPipe's face mesh on those."""


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """From where on a view of a face is called bad.

    The defaults for size and blur are the last steps of `python -m research.view_quality` at which
    the former default model named PublicTest's faces within 5 points of its accuracy on untouched
    ones (32 px and a blur of 0.75 px of the model's input); today's is better there, but loses 6.5
    and 5.0 points of what it reaches on untouched ones (docs/results/quality.md). There is a
    little room as the detector's points scatter. That for yaw and pitch is not measured, and such
    angles are rough: on frontal London photos they scatter by about 3 degrees. Roll has no limit:
    the crop takes it out up to 45 degrees, and YuNet's points do not show more (on London photos
    turned by 45 they say 27, by 75 about 5), so turn images upright first.

    Attributes:
        min_size_px: Least `FaceQuality.size_px`.
        min_sharpness: Least `FaceQuality.sharpness`.
        max_turn_degrees: Largest yaw and pitch either way.
    """

    min_size_px: float = MIN_SIZE_PX
    min_sharpness: float = MIN_SHARPNESS
    max_turn_degrees: float = MAX_TURN_DEGREES


DEFAULT_LIMITS: Final = QualityLimits()


def face_quality(
    crop: NDArray[np.uint8], landmarks: Landmarks, limits: QualityLimits = DEFAULT_LIMITS
) -> FaceQuality:
    """Measure how good a view of a face is.

    Args:
        crop: The face as FER2013's are cut, uint8 (48, 48), range [0, 255].
        landmarks: Its points in the image.
        limits: From where on it is bad.
    """
    size = _size_px(landmarks)
    sharpness = _sharpness(crop)
    yaw, pitch, roll = _pose_degrees(landmarks)
    reasons = []
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
    """Return the deviation of the Laplacian over that of the grey levels; 0 for a blank crop."""
    levels = crop.astype(np.float64)
    inner = levels[1:-1, 1:-1]
    around = levels[:-2, 1:-1] + levels[2:, 1:-1] + levels[1:-1, :-2] + levels[1:-1, 2:]
    deviation = float(inner.std())
    return float((around - 4 * inner).std()) / deviation if deviation > 0 else 0.0


def _pose_degrees(landmarks: Landmarks) -> tuple[float, float, float]:
    """Return yaw, pitch and roll from where the nose lies between eyes and mouth.

    A head seen from far away: points before the plane of the eyes move against those in it.
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
