"""Drawing what was recognised on the photo, for people."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk.errors import InputError
from fer_sdk.results import RecognizedFace
from fer_sdk.video.recognizer import TrackedFace

SURE_BGR = (80, 200, 40)
UNCERTAIN_BGR = (0, 165, 255)
DARK_BGR = (30, 30, 30)


def draw_faces(image_bgr: NDArray[np.uint8], faces: Sequence[RecognizedFace]) -> NDArray[np.uint8]:
    """Return a copy of a photo or frame with box, label and confidence of each face.

    Args:
        image_bgr: uint8 (height, width, 3), BGR.
        faces: What `ExpressionRecognizer` or `VideoRecognizer` found in it, the latter's with their
            ids; uncertain ones in orange.
    """
    picture: NDArray[np.uint8] = image_bgr.copy()
    unit = max(image_bgr.shape[:2]) / 1000
    line = max(1, round(3 * unit))
    for found in faces:
        color = UNCERTAIN_BGR if found.expression.uncertain else SURE_BGR
        left, top, right, bottom = (round(side) for side in found.box_xyxy)
        cv2.rectangle(picture, (left, top), (right, bottom), color, line, cv2.LINE_AA)
        for point in (found.face.landmarks.right_eye, found.face.landmarks.left_eye,
                      found.face.landmarks.mouth):  # fmt: skip
            cv2.circle(picture, (round(point[0]), round(point[1])), line, color, -1, cv2.LINE_AA)
        text = f"{found.label} {found.confidence:.0%}" + ("?" if found.expression.uncertain else "")
        if isinstance(found, TrackedFace):
            text = f"{found.id}: {text}"
        _tag(picture, text, (left, top), (bottom, color), max(0.4, 1.1 * unit))
    return picture


def _tag(
    picture: NDArray[np.uint8],
    text: str,
    corner: tuple[int, int],
    below_and_color: tuple[int, tuple[int, int, int]],
    size: float,
) -> None:
    """Write `text` on a filled bar above the box, or under it where there is no room."""
    bottom, color = below_and_color
    thickness = max(1, round(2 * size))
    (width, height), rest = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thickness)
    bar = height + 2 * rest
    left = min(max(corner[0], 0), max(picture.shape[1] - width - rest, 0))
    top = corner[1] - bar if corner[1] >= bar else min(bottom, picture.shape[0] - bar)
    cv2.rectangle(picture, (left, top), (left + width + rest, top + bar), color, -1)
    at = left + rest // 2, top + height + rest // 2
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, DARK_BGR, thickness, cv2.LINE_AA)


def write_picture(path: Path, image_bgr: NDArray[np.uint8]) -> None:
    """Write a picture whole or not at all.

    Args:
        path: Final name; its suffix decides the format.
        image_bgr: uint8 (height, width, 3), BGR.

    Raises:
        InputError: If the picture cannot be encoded or written.
    """
    done, encoded = cv2.imencode(path.suffix, image_bgr)
    if not done:
        raise InputError(f"cannot encode {path} as {path.suffix}")
    with write_beside(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
