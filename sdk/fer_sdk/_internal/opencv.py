"""OpenCV, which only files, cameras, windows and drawing need."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

from fer_sdk.errors import MissingDependencyError

OPENCV_PACKAGES: Final = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
"""Packages that install the module cv2; all write into the same folder."""


def require_opencv(purpose: str) -> None:
    """Check that OpenCV is installed.

    Args:
        purpose: What needs it, as the subject of the error message, such as "reading photos".

    Raises:
        MissingDependencyError: If it is not.
    """
    if find_spec("cv2") is None:
        raise MissingDependencyError("cv2", "", purpose, install="opencv-python-headless")


def installed_opencv() -> dict[str, str]:
    """Return the version of each installed package of `OPENCV_PACKAGES`."""
    found = {}
    for package in OPENCV_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
