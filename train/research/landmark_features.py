"""Network inputs from landmarks: upright faces, landmark maps and distances as channels."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk.evaluation.fer2013 import SIDE, Fer2013
from research import face_mesh
from research.face_mesh import PLACES

DISTANCES: Final = (
    "chin width over mouth width",
    "mouth width",
    "lip gap",
    "right mouth angle",
    "left mouth angle",
    "right eye height",
    "left eye height",
    "eye to brow",
)
_RANGES: Final = np.array(
    [(1, 6), (0.4, 1.6), (0, 0.8), (-1, 1), (-1, 1), (0, 0.4), (0, 0.4), (0.1, 0.8)]
)
"""Values that map to grey levels 0 and 255; lengths in eye distances, angles in radians."""


def with_landmark_features(
    data: Fer2013,
    landmarks: Path,
    *,
    aligned: bool = False,
    landmark_map: bool = False,
    distances: bool = False,
) -> Fer2013:
    """Return FER2013 with aligned faces or with landmark features as additional channels.

    Args:
        data: FER2013.
        landmarks: File written by `research.face_mesh`.
        aligned: Rotate each face until its eyes are level.
        landmark_map: Add a channel with the landmarks as white dots.
        distances: Add one constant channel for each of the eight `DISTANCES`.

    Returns:
        The same rows, pixels uint8 (n, 48, 48, channels).

    Raises:
        InputError: If the landmarks are missing or belong to other data.
    """
    points = face_mesh.load(landmarks, data).points
    faces = data.pixels[..., None]
    if aligned:
        angles = eye_angles(points)
        upright = [_rotate(face, angle) for face, angle in zip(data.pixels, angles, strict=True)]
        faces = np.stack(upright)[..., None]
    channels = [faces]
    if landmark_map:
        channels.append(
            np.stack([draw_landmarks(face_points) for face_points in points])[..., None]
        )
    if distances:
        low, high = _RANGES.T
        levels = np.clip((measure(points) - low) / (high - low), 0, 1) * 255
        maps = np.broadcast_to(levels[:, None, None], (len(levels), SIDE, SIDE, len(DISTANCES)))
        channels.append(np.round(maps).astype(np.uint8))
    pixels = np.concatenate(channels, axis=-1)
    pixels[data.blank] = 0  # blank images stay blank, so that training leaves them out
    return replace(data, pixels=pixels)


def eye_angles(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the clockwise angle of the line through the eyes, radians (n,): atan(dy / dx)."""
    right = points[:, PLACES["right_eye"]].mean(axis=1)
    left = points[:, PLACES["left_eye"]].mean(axis=1)
    across, down = (left - right).T
    return np.asarray(np.arctan2(down, across))


def draw_landmarks(points: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Draw landmarks, (72, 2) in pixels, as white dots on black, uint8 (48, 48)."""
    picture = np.zeros((SIDE, SIDE), np.uint8)
    columns, rows = np.round(points).astype(int).T
    inside = (columns >= 0) & (columns < SIDE) & (rows >= 0) & (rows < SIDE)
    picture[rows[inside], columns[inside]] = 255
    return picture


def measure(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the eight `DISTANCES` of each face, float64 (n, 8).

    Lengths are divided by the distance between the eyes. Angles are those of the mouth corners
    above the middle of the lower lip, in radians, relative to the line through the eyes.
    """
    parts = {name: points[:, place].astype(np.float64) for name, place in PLACES.items()}
    eyes = parts["left_eye"].mean(axis=1) - parts["right_eye"].mean(axis=1)
    unit = np.maximum(np.linalg.norm(eyes, axis=1), 1e-6)

    def length(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(a - b, axis=1) / unit)

    outer, inner, chin = parts["outer_lip"], parts["inner_lip"], parts["chin"]
    right_corner, left_corner, below = outer[:, 0], outer[:, 6], outer[:, 9]
    tilt = np.arctan2(eyes[:, 1], eyes[:, 0])

    def rise(corner: NDArray[np.float64]) -> NDArray[np.float64]:
        across, down = (corner - below).T
        level = across * np.cos(tilt) + down * np.sin(tilt)
        height = across * np.sin(tilt) - down * np.cos(tilt)
        return np.asarray(np.arctan2(height, np.abs(level)))

    mouth = length(right_corner, left_corner)
    brows = (parts["right_brow"][:, 2] + parts["left_brow"][:, 2]) / 2
    lids = (parts["right_eye"].mean(axis=1) + parts["left_eye"].mean(axis=1)) / 2
    return np.stack(
        [
            length(chin[:, 4], chin[:, 12]) / np.maximum(mouth, 1e-6),
            mouth,
            length(inner[:, 3], inner[:, 9]),
            rise(right_corner),
            rise(left_corner),
            _eye_height(parts["right_eye"]) / unit,
            _eye_height(parts["left_eye"]) / unit,
            length(brows, lids),
        ],
        axis=1,
    )


def _eye_height(eye: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean height of an eye from six points, (n, 6, 2), in pixels."""
    upper, lower = eye[:, [1, 2]], eye[:, [5, 4]]
    return np.asarray(np.linalg.norm(upper - lower, axis=2).mean(axis=1))


def _rotate(face: NDArray[np.uint8], angle: float) -> NDArray[np.uint8]:
    centre = (SIDE - 1) / 2
    matrix = cv2.getRotationMatrix2D((centre, centre), float(np.degrees(angle)), 1.0)
    rotated = cv2.warpAffine(face, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(rotated, np.uint8)
