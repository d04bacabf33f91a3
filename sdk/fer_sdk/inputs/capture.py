"""Frames with their times, from a video file or a camera, and honest words when they end early."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.errors import InputError, StreamError
from fer_sdk.inputs.images import MAX_PIXELS, MAX_SIDE

if TYPE_CHECKING:
    import cv2

SHORT_BY_S: Final = 0.25
"""A video may end so much before the length that it states: containers count their sound too."""


class Frame(NamedTuple):
    """One picture of a stream; a plain tuple does as well.

    Attributes:
        time_s: When it was taken, in seconds from any beginning.
        image: uint8 (height, width, 3), range [0, 255]; BGR from `VideoFile` and `Camera`.
    """

    time_s: float
    image: NDArray[np.uint8]


class VideoFile(ContextManager):
    """The frames of a video file, to be iterated once, in BGR, turned upright.

    A frame's time is the file's own, so that a variable frame rate is kept; where it does not
    advance, one frame of the stated rate is added to the last.
    """

    def __init__(self, path: Path) -> None:
        """Open a video through OpenCV's FFmpeg; no network address is accepted.

        Raises:
            InputError: If there is no such file, it is empty, no video, or its frames are too
                large.
        """
        if not path.is_file():
            raise InputError(f"no video at {path}")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes)")
        import cv2

        with captured_native_log():
            capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise InputError(
                f"{path} is no video that OpenCV {cv2.__version__} can read, or it lost its end"
            )
        self.path = path
        self._capture = capture
        width, height = (
            int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
            self.close()
            raise InputError(
                f"{path} has frames of {width}x{height} pixels, but {MAX_SIDE} a side and "
                f"{MAX_PIXELS // 1_000_000} million in all is the limit: shrink it"
            )
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.fps: float = fps if 0 < fps < 1000 else 25.0
        """Frames a second, on average, as the file states; 25 if it states none."""
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.frame_count: int | None = int(count) if count > 0 else None
        """Frames that the file states, which may be an estimate; None if it states none."""

    def __iter__(self) -> Iterator[Frame]:
        """Give one frame after the other.

        Raises:
            StreamError: After the last good frame, if the file ends before its stated length.
            InputError: If not even one frame can be decoded.
        """
        import cv2

        read, last_s = 0, -1 / self.fps
        while (image := _next_image(self._capture)) is not None:
            time_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if not (math.isfinite(time_s) and (time_s > last_s)):
                time_s = last_s + 1 / self.fps
            last_s = time_s
            read += 1
            yield Frame(time_s, image)
        if read == 0:
            raise InputError(f"{self.path} has no frame that can be decoded")
        if self.frame_count is not None:
            missing_s = self.frame_count / self.fps - (last_s + 1 / self.fps)
            if missing_s > SHORT_BY_S and read < self.frame_count:
                raise StreamError(
                    f"{self.path} is cut off or damaged: it states {self.frame_count} frames, "
                    f"but ends after {read}"
                )

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._capture.release()


class Camera(ContextManager):
    """The frames of a camera as they come, in BGR, with seconds since the first."""

    def __init__(self, device: int = 0) -> None:
        """Open a camera.

        Args:
            device: Its number, 0 for the first.

        Raises:
            InputError: If there is no such camera, or another program holds it.
        """
        import cv2

        with captured_native_log():
            capture = cv2.VideoCapture(device)
        if not capture.isOpened():
            raise InputError(
                f"no camera {device}: is it plugged in, free, and may this user open it?"
            )
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not a queue of old ones
        self.device = device
        self._capture = capture

    def __iter__(self) -> Iterator[Frame]:
        """Give frames until the camera is closed.

        Raises:
            StreamError: If the camera gives no more frames, as when it is unplugged.
        """
        read, began_s = 0, None
        while self._capture.isOpened():
            image = _next_image(self._capture)
            now_s = time.monotonic()
            if image is None:
                raise StreamError(
                    f"camera {self.device} stopped after {read} frames: was it unplugged?"
                )
            began_s = now_s if began_s is None else began_s
            read += 1
            yield Frame(now_s - began_s, image)

    def close(self) -> None:
        """Free the camera; may be called twice."""
        self._capture.release()


def _next_image(capture: "cv2.VideoCapture") -> NDArray[np.uint8] | None:
    import cv2

    try:
        good, image = capture.read()
    except cv2.error:  # some backends raise where others say that nothing came
        return None
    return np.asarray(image, np.uint8) if good and image is not None else None
