"""Annotated pictures: box, label and confidence drawn on an image."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk._internal.opencv import require_opencv
from fer_sdk.errors import InputError
from fer_sdk.results import RecognizedFace, TrackedFace

SURE_BGR = (80, 200, 40)
UNCERTAIN_BGR = (0, 165, 255)
UNSUITABLE_BGR = (175, 175, 175)
DARK_BGR = (30, 30, 30)
MIN_TEXT_SCALE = 0.4
WIDE_AT_MOST = 4
"""Number of boxes and labels up to which a label may be twice as wide as its box."""

_Rectangle: TypeAlias = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""


def draw_faces(image_bgr: NDArray[np.uint8], faces: Iterable[RecognizedFace]) -> NDArray[np.uint8]:
    """Return a copy of an image with box, eyes, mouth, label and confidence of each face.

    A label is placed beside its face where it covers no face and no other label, if there is such a
    place.

    Args:
        image_bgr: uint8 (height, width, 3), range [0, 255], BGR.
        faces: Faces of that image: an `ImageResult` or the `faces` of a `FrameResult`. Uncertain
            ones are drawn in orange with a question mark; those with an unsuitable view
            (`quality.reasons`) in grey with the first reason; tracked ones with their id.

    Returns:
        uint8 (height, width, 3), BGR.
    """
    require_opencv("drawing faces")
    import cv2  # here and not above: `import fer_sdk` needs no OpenCV

    picture: NDArray[np.uint8] = image_bgr.copy()
    height, width = picture.shape[:2]
    unit = max(height, width) / 1000
    line = max(1, round(3 * unit))
    drawn = list(faces)
    boxes = [_rounded(face.box_xyxy) for face in drawn]
    for face, (left, top, right, bottom) in zip(drawn, boxes, strict=True):
        color = _color(face)
        cv2.rectangle(picture, (left, top), (right, bottom), color, line, cv2.LINE_AA)
        marks = face.landmarks
        for x, y in (marks.right_eye, marks.left_eye, marks.mouth):
            cv2.circle(picture, (round(x), round(y)), line, color, -1, cv2.LINE_AA)
    taken = list(boxes)
    for face, box in zip(drawn, boxes, strict=True):
        tag, place = _placed(
            _text(face), max(MIN_TEXT_SCALE, 1.1 * unit), box, taken, (width, height)
        )
        taken.append(place)
        tag.draw(picture, place, _color(face))
    return picture


def _placed(
    text: str,
    scale: float,
    box: _Rectangle,
    taken: Sequence[_Rectangle],
    size: tuple[int, int],
) -> tuple["_Tag", _Rectangle]:
    """Return the tag of a box and its place; the tag is smaller where it would cover others."""
    width = box[2] - box[0]
    # In a group, a large label takes the place of its neighbours' labels.
    widths = (width * 5 // 4, width) if len(taken) > WIDE_AT_MOST else (2 * width, width)
    tags = [_Tag.of(text, scale, most_width) for most_width in widths]
    places = [tag.place(box, taken, size) for tag in tags]
    covered = [sum(_shared(place, other) for other in taken) for place in places]
    best = covered.index(min(covered))
    return tags[best], places[best]


def _color(face: RecognizedFace) -> tuple[int, int, int]:
    if face.quality.reasons:
        return UNSUITABLE_BGR
    return UNCERTAIN_BGR if face.uncertain else SURE_BGR


def _text(face: RecognizedFace) -> str:
    text = f"{face.label} {face.confidence:.0%}" + ("?" if face.uncertain else "")
    if face.quality.reasons:
        text += f", {face.quality.reasons[0].partition(':')[0]}"
    return f"{face.id}: {text}" if isinstance(face, TrackedFace) else text


def _rounded(box: tuple[float, float, float, float]) -> _Rectangle:
    left, top, right, bottom = (round(side) for side in box)
    return left, top, right, bottom


@dataclass(frozen=True, slots=True)
class _Tag:
    """A line of text on a filled bar.

    Attributes:
        text: The text.
        scale: OpenCV's font scale.
        thickness: Of the strokes, in pixels.
        width: Width of the bar in pixels.
        height: Height of the bar in pixels.
        rest: Part of the text below its base line in pixels.
    """

    text: str
    scale: float
    thickness: int
    width: int
    height: int
    rest: int

    @classmethod
    def of(cls, text: str, scale: float, most_width: int) -> "_Tag":
        """Measure a text, made smaller for a small face, but still legible."""
        import cv2

        (wide, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
        scale = min(scale, max(MIN_TEXT_SCALE, scale * most_width / wide))
        thickness = max(1, round(2 * scale))
        (wide, high), rest = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
        return cls(text, scale, thickness, wide + rest, high + 2 * rest, rest)

    def place(
        self, box: _Rectangle, taken: Sequence[_Rectangle], size: tuple[int, int]
    ) -> _Rectangle:
        """Return the place beside a box that covers the least of what is taken.

        Above is preferred, then below, then right and left of the box.
        """
        left, top, right, bottom = box
        corners = (
            (left, top - self.height), (right - self.width, top - self.height),
            (left, bottom), (right - self.width, bottom),
            (right, top), (right, bottom - self.height),
            (left - self.width, top), (left - self.width, bottom - self.height),
        )  # fmt: skip
        places = [self._inside(corner, size) for corner in corners]
        return min(places, key=lambda place: sum(_shared(place, other) for other in taken))

    def draw(
        self, picture: NDArray[np.uint8], place: _Rectangle, color: tuple[int, int, int]
    ) -> None:
        import cv2

        left, top, right, bottom = place
        cv2.rectangle(picture, (left, top), (right, bottom), color, -1)
        at = left + self.rest // 2, bottom - self.rest - self.rest // 2
        font = cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(picture, self.text, at, font, self.scale, DARK_BGR, self.thickness, cv2.LINE_AA)

    def _inside(self, corner: tuple[int, int], size: tuple[int, int]) -> _Rectangle:
        left = min(max(corner[0], 0), max(size[0] - self.width, 0))
        top = min(max(corner[1], 0), max(size[1] - self.height, 0))
        return left, top, left + self.width, top + self.height


def _shared(one: _Rectangle, other: _Rectangle) -> int:
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return across * down if across > 0 and down > 0 else 0


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
