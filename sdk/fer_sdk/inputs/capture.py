"""Frames with timestamps from video files and cameras; truncated streams raise an error."""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk._internal.files import is_file
from fer_sdk._internal.opencv import require_opencv
from fer_sdk._internal.opencv_log import silent_opencv
from fer_sdk.errors import InputError, StreamError, shown
from fer_sdk.inputs.images import MAX_NAME, MAX_PIXELS, MAX_SIDE

if TYPE_CHECKING:
    import cv2

SHORT_BY_S: Final = 0.25
"""Tolerated difference to the stated duration, which may be that of a longer audio track."""


class Frame(NamedTuple):
    """Image of a stream with its timestamp; a plain tuple is accepted in its place.

    Attributes:
        time_s: Timestamp in seconds, relative to any origin.
        image: uint8 (height, width, 3), range [0, 255]; BGR from `VideoFile` and `Camera`.
    """

    time_s: float
    image: NDArray[np.uint8]


class VideoFile(ContextManager):
    """Frames of a video file, BGR, rotated upright; can be iterated once.

    Frames have the timestamps of the file, so variable frame rates are supported. A timestamp that
    does not increase is replaced by the previous one plus one frame at the stated frame rate.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a video file with OpenCV and FFmpeg. Network addresses are rejected.

        Raises:
            InputError: If the file is missing, empty or not a readable video, or its frames are
                too large.
        """
        path = Path(path)
        if not is_file(path):
            raise InputError(f"no video at {shown(path, MAX_NAME)}")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes)")
        require_opencv("reading videos")
        import cv2

        with silent_opencv():
            capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise InputError(
                f"{path} is not a video that OpenCV {cv2.__version__} can read, or is truncated"
            )
        self.path = path
        self._capture = capture
        width, height = (
            int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
            self.close()
            raise InputError(
                f"{path} has frames of {width}x{height} pixels, but at most {MAX_SIDE} per side "
                f"and {MAX_PIXELS // 1_000_000} million in total are supported: resize it"
            )
        fps = capture.get(cv2.CAP_PROP_FPS)
        self.fps: float = fps if 0 < fps < 1000 else 25.0
        """Average frames per second as stated by the file; 25 if it states none."""
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.frame_count: int | None = int(count) if count > 0 else None
        """Number of frames as stated by the file, possibly an estimate; None if it states none."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in order.

        Raises:
            StreamError: After the last readable frame, if the file ends before its stated length.
            InputError: If no frame can be decoded.
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
            raise InputError(f"no frame of {self.path} can be decoded")
        if self.frame_count is not None:
            missing_s = self.frame_count / self.fps - (last_s + 1 / self.fps)
            if missing_s > SHORT_BY_S and read < self.frame_count:
                raise StreamError(
                    f"{self.path} is truncated or damaged: it states {self.frame_count} frames, "
                    f"but ends after {read}"
                )

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._capture.release()


class Camera(ContextManager):
    """Frames of a camera, BGR, with timestamps in seconds since the first frame."""

    def __init__(self, device: int = 0) -> None:
        """Open a camera.

        Args:
            device: Number of the camera, 0 for the first.

        Raises:
            InputError: If the camera does not exist or is in use.
        """
        require_opencv("a camera")
        import cv2

        with silent_opencv():
            capture = cv2.VideoCapture(device)
        if not capture.isOpened():
            raise InputError(
                f"cannot open camera {device}: check that it is connected, not in use, and that "
                "this user has permission"
            )
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # read the newest frame, not a queue of old ones
        self.device = device
        self._capture = capture

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the camera is closed.

        Raises:
            StreamError: If the camera delivers no more frames, for example after a disconnection.
        """
        read, began_s = 0, None
        while self._capture.isOpened():
            image = _next_image(self._capture)
            now_s = time.monotonic()
            if image is None:
                raise StreamError(
                    f"camera {self.device} stopped after {read} frames: check that it is connected"
                )
            began_s = now_s if began_s is None else began_s
            read += 1
            yield Frame(now_s - began_s, image)

    def close(self) -> None:
        """Release the camera; may be called twice."""
        self._capture.release()


def _next_image(capture: "cv2.VideoCapture") -> NDArray[np.uint8] | None:
    import cv2

    try:
        good, image = capture.read()
    except cv2.error:  # some backends raise where others return False
        return None
    return np.asarray(image, np.uint8) if good and image is not None else None
