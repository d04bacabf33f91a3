"""Log levels of OpenCV, whose functions moved between its releases, and of its FFmpeg."""

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Final

LOG_LEVEL_SILENT: Final = 0
"""`cv::utils::logging::LOG_LEVEL_SILENT`."""
LOG_LEVEL_ERROR: Final = 2
"""`cv::utils::logging::LOG_LEVEL_ERROR`; OpenCV 4.9 to 4.12 has no Python constant for it."""

_lock = threading.Lock()
_silent_blocks = 0
_level_before = LOG_LEVEL_ERROR


def set_opencv_log_level(level: int) -> int:
    """Set OpenCV's log level and return the previous one."""
    import cv2

    # In `cv2.utils.logging` from OpenCV 4.13 on, before that in `cv2`.
    logging = getattr(cv2.utils, "logging", cv2)
    previous: int = logging.getLogLevel()
    logging.setLogLevel(level)
    return previous


@contextlib.contextmanager
def silent_opencv() -> Iterator[None]:
    """Set OpenCV's log level to silent inside the block; several threads may be in one."""
    global _silent_blocks, _level_before
    with _lock:
        if _silent_blocks == 0:
            _level_before = set_opencv_log_level(LOG_LEVEL_SILENT)
        _silent_blocks += 1
    try:
        yield
    finally:
        with _lock:
            _silent_blocks -= 1
            if _silent_blocks == 0:
                set_opencv_log_level(_level_before)


def silence_video_decoders() -> None:
    """Set the log levels of OpenCV and FFmpeg for a command, which reports damage once itself.

    FFmpeg would write a line per damaged frame. Must be called before the first video is opened.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # AV_LOG_QUIET
    set_opencv_log_level(LOG_LEVEL_ERROR)
