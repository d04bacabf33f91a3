"""Annotated videos: what was recognised, drawn on every frame."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.errors import InputError
from fer_sdk.outputs.annotate import draw_faces
from fer_sdk.video.recognizer import FrameResult

CODECS: Final = {".mp4": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
"""By suffix; those that OpenCV's own FFmpeg can write without patents or a hardware encoder."""

Draw = Callable[[NDArray[np.uint8], FrameResult], None]
"""Takes the next frame's image, BGR, and its result."""


@contextlib.contextmanager
def annotated_video(path: Path, fps: float) -> Iterator[Draw]:
    """Write a video with faces drawn; an error in the block leaves none. Sound is not copied.

    Args:
        path: .mp4, .mov, .mkv, .avi or .webm file.
        fps: Frames a second. Frames are repeated or left out so that each is shown at its time.

    Raises:
        InputError: If the kind of file is unknown, or OpenCV cannot write it whole.
    """
    codec = CODECS.get(path.suffix.lower())
    if codec is None:
        raise InputError(f"{path} must end in one of {', '.join(CODECS)}")
    with write_beside(path) as temporary:
        film = _Film(temporary, codec, fps)
        try:
            yield film.draw
        finally:
            film.writer.release()
        film.check(path)


class _Film:
    """A video that is being written, opened when the first frame tells its size."""

    def __init__(self, path: Path, codec: str, fps: float) -> None:
        self.writer = cv2.VideoWriter()
        self._path = path
        self._codec = codec
        self._fps = fps
        self._size = (0, 0)
        self._began_s = 0.0
        self._written = 0

    def draw(self, image: NDArray[np.uint8], result: FrameResult) -> None:
        if not self.writer.isOpened():
            self._size = image.shape[1], image.shape[0]
            self._began_s = result.time_s
            code = cv2.VideoWriter.fourcc(*self._codec)
            with captured_native_log():
                self.writer.open(str(self._path), cv2.CAP_FFMPEG, code, self._fps, self._size)
            if not self.writer.isOpened():
                raise InputError(
                    f"OpenCV {cv2.__version__} cannot write {self._path.suffix} videos of "
                    f"{self._size[0]}x{self._size[1]} pixels: try .avi"
                )
        picture = draw_faces(image, result.faces)
        if (picture.shape[1], picture.shape[0]) != self._size:  # OpenCV would leave it out unsaid
            picture = np.asarray(cv2.resize(picture, self._size), np.uint8)
        due = round((result.time_s - self._began_s) * self._fps) + 1
        while self._written < due:
            self.writer.write(picture)
            self._written += 1

    def check(self, path: Path) -> None:
        """Count the frames that can be read back: OpenCV does not tell when writing fails."""
        capture = cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG)
        readable = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        capture.release()
        if readable < self._written:
            raise InputError(
                f"{path} would hold {readable} of {self._written} frames: is its disk full?"
            )
