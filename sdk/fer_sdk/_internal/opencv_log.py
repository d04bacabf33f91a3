"""Log level of OpenCV, whose functions moved between its releases."""

from typing import Final

LOG_LEVEL_ERROR: Final = 2
"""`cv::utils::logging::LOG_LEVEL_ERROR`; OpenCV 4.9 to 4.12 has no Python constant for it."""


def set_opencv_log_level(level: int) -> int:
    """Set OpenCV's log level and return the previous one."""
    import cv2

    # In `cv2.utils.logging` from OpenCV 4.13 on, before that in `cv2`.
    logging = getattr(cv2.utils, "logging", cv2)
    previous: int = logging.getLogLevel()
    logging.setLogLevel(level)
    return previous
