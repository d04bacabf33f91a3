"""OpenCV, which only files, cameras, windows and drawing need."""

from pathlib import Path
from threading import Lock
from typing import Final

from fer_sdk.errors import InputError, MissingDependencyError, shown

OPENCV_PACKAGES: Final = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
"""Packages that install the module cv2; all write into the same folder."""

_IMPORTING: Final = Lock()


def require_opencv(purpose: str) -> None:
    """Import OpenCV.

    One thread at a time: while OpenCV imports itself, `cv2` is incomplete for other threads.

    Args:
        purpose: What needs it, as the subject of the error message, such as "reading photos".

    Raises:
        MissingDependencyError: If it is not installed.
    """
    with _IMPORTING:
        try:
            import cv2  # noqa: F401
        except ModuleNotFoundError as error:
            if error.name != "cv2":
                raise
            raise MissingDependencyError(
                "cv2", "", purpose, install="opencv-python-headless"
            ) from None


def opencv_name(path: Path) -> str:
    """Return a path as the text that OpenCV takes.

    Raises:
        InputError: If the name is not valid Unicode text, as names on Linux may be: OpenCV would
            crash.
    """
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"OpenCV cannot open {shown(name.encode(errors='backslashreplace').decode())}, whose "
            "name is not valid UTF-8: rename it"
        ) from error
    return name


def installed_opencv() -> dict[str, str]:
    """Return the version of each installed package of `OPENCV_PACKAGES`."""
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    found = {}
    for package in OPENCV_PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
