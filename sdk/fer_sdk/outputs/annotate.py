"""Annotated pictures: box, label and confidence drawn on an image."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk._internal.opencv import require_opencv
from fer_sdk.errors import InputError
from fer_sdk.results import RecognizedFace, TrackedFace

SURE_BGR = (80, 200, 40)
UNCERTAIN_BGR = (0, 165, 255)
DARK_BGR = (30, 30, 30)


def draw_faces(image_bgr: NDArray[np.uint8], faces: Iterable[RecognizedFace]) -> NDArray[np.uint8]:
    """Return a copy of an image with box, eyes, mouth, label and confidence of each face.

    Args:
        image_bgr: uint8 (height, width, 3), range [0, 255], BGR.
        faces: Faces of that image: an `ImageResult` or the `faces` of a `FrameResult`. Uncertain
            ones are drawn in orange with a question mark, tracked ones with their id.

    Returns:
        uint8 (height, width, 3), BGR.
    """
    require_opencv("drawing faces")
    import cv2  # here and not above: `import fer_sdk` needs no OpenCV

    picture: NDArray[np.uint8] = image_bgr.copy()
    unit = max(image_bgr.shape[:2]) / 1000
    line = max(1, round(3 * unit))
    for face in faces:
        color = UNCERTAIN_BGR if face.uncertain else SURE_BGR
        left, top, right, bottom = (round(side) for side in face.box_xyxy)
        cv2.rectangle(picture, (left, top), (right, bottom), color, line, cv2.LINE_AA)
        marks = face.landmarks
        for x, y in (marks.right_eye, marks.left_eye, marks.mouth):
            cv2.circle(picture, (round(x), round(y)), line, color, -1, cv2.LINE_AA)
        text = f"{face.label} {face.confidence:.0%}" + ("?" if face.uncertain else "")
        if isinstance(face, TrackedFace):
            text = f"{face.id}: {text}"
        _tag(picture, text, (left, top), (bottom, color), max(0.4, 1.1 * unit))
    return picture


def _tag(
    picture: NDArray[np.uint8],
    text: str,
    corner: tuple[int, int],
    below_and_color: tuple[int, tuple[int, int, int]],
    size: float,
) -> None:
    """Write `text` on a filled bar above the box, or below it at the top of the picture."""
    import cv2

    bottom, color = below_and_color
    thickness = max(1, round(2 * size))
    (width, height), rest = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, thickness)
    bar = height + 2 * rest
    left = min(max(corner[0], 0), max(picture.shape[1] - width - rest, 0))
    top = corner[1] - bar if corner[1] >= bar else min(bottom, picture.shape[0] - bar)
    cv2.rectangle(picture, (left, top), (left + width + rest, top + bar), color, -1)
    at = left + rest // 2, top + height + rest // 2
    cv2.putText(picture, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, DARK_BGR, thickness, cv2.LINE_AA)


def write_picture(path: str | Path, image_bgr: NDArray[np.uint8]) -> None:
    """Write a picture; on an error no file is left.

    Args:
        path: File to write; its suffix decides the format.
        image_bgr: uint8 (height, width, 3), BGR, or (height, width), grey.

    Raises:
        InputError: If OpenCV cannot encode pictures of that suffix.
        OutputError: If the file cannot be written.
    """
    require_opencv("writing pictures")
    import cv2

    path = Path(path)
    try:
        done, encoded = cv2.imencode(path.suffix, image_bgr)
    except cv2.error:
        done = False
    if not done:
        raise InputError(f"cannot encode {path} as {path.suffix}: use .png or .jpg")
    with write_beside(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
