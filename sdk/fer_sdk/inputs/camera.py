"""Frames with timestamps from cameras: devices, network addresses and GStreamer pipelines."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk._internal.files import is_file
from fer_sdk._internal.opencv import require_opencv
from fer_sdk._internal.opencv_log import silent_opencv
from fer_sdk.errors import InputError, StreamError, shown
from fer_sdk.inputs.capture import Frame

if TYPE_CHECKING:
    import cv2

CameraSource: TypeAlias = int | str | Path
"""Number of a camera, path of its device, rtsp:// or http:// address, or GStreamer pipeline."""

RECONNECT_S: Final = 10.0
RETRY_S: Final = 0.5
"""Pause between two attempts to open a camera again."""
MAX_GAPS: Final = 100
ADDRESSES: Final = ("rtsp://", "rtsps://", "http://", "https://")

_USER: Final = re.compile(r"(?<=://)[^/@\s]*@")


class Camera(ContextManager):
    """Frames of a camera, BGR, with timestamps in seconds since the first frame.

    A camera that delivers no frame is opened again until it does or `reconnect_s` is over; only
    the frames between are lost.
    """

    def __init__(
        self,
        device: CameraSource = 0,
        *,
        reconnect_s: float = RECONNECT_S,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Open a camera.

        Args:
            device: Number of the camera, 0 for the first; path of a device, such as "/dev/video2";
                address that begins with rtsp://, rtsps://, http:// or https://; or a GStreamer
                pipeline that ends in "appsink", if OpenCV was built with GStreamer.
            reconnect_s: Seconds after the last frame for which a camera that stopped is opened
                again; 0 ends the iteration at the first failed read.
            cancelled: Returns whether to give up waiting for the camera.

        Raises:
            InputError: If the camera does not exist or is in use, or OpenCV does not support such
                a source.
        """
        if not 0 <= reconnect_s < float("inf"):
            raise InputError(f"reconnect_s must be 0 or more seconds, but is {reconnect_s}")
        require_opencv("a camera")
        self.device = device
        self.reconnects = 0
        """How often the camera was opened again."""
        self.gaps: list[tuple[float, float]] = []
        """Times of the last frame before and the first one after each reconnection, at most
        `MAX_GAPS`."""
        self._name = _without_user(str(device))
        self._arguments = _opencv_source(device, self._name, reconnect_s)
        self._reconnect_s = reconnect_s
        self._cancelled = cancelled
        self._closed = False
        capture = self._open()
        if capture is None:
            hint = (
                "the address, the network, and user name and password"
                if str(device).startswith(ADDRESSES)
                else "that it is connected, not in use, and that this user has permission"
            )
            raise InputError(f"cannot open camera {self._name}: check {hint}")
        self._capture = capture

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames until the camera is closed or `cancelled` returns true while waiting.

        Raises:
            StreamError: If the camera delivers no more frames, for example after a disconnection.
            InputError: If its frames cannot be converted to 8 bits and BGR without loss.
        """
        read, began_s, last_s = 0, time.monotonic(), 0.0
        while not self._closed and self._capture.isOpened():
            image = self._read()
            lost = image is None
            if image is None:
                image = self._reconnected()
            if image is None:
                if self._closed or self._cancelled():
                    return
                again = f" and did not return within {self._reconnect_s:g} s"
                raise StreamError(
                    f"camera {self._name} stopped after {read} frames"
                    f"{again if self._reconnect_s else ''}: check that it is connected"
                )
            now_s = time.monotonic()
            if read == 0:
                began_s = now_s
            time_s = now_s - began_s
            if lost and len(self.gaps) < MAX_GAPS:
                self.gaps.append((last_s, time_s))
            read += 1
            last_s = time_s
            yield Frame(time_s, as_bgr(image, self._name))

    def close(self) -> None:
        """Release the camera; may be called twice."""
        self._closed = True
        self._capture.release()

    def _open(self) -> "cv2.VideoCapture | None":
        import cv2

        with silent_opencv():
            try:
                capture = cv2.VideoCapture(*self._arguments)
            except cv2.error:  # some backends raise where others return a closed capture
                return None
        if not capture.isOpened():
            return None
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # read the newest frame, not a queue of old ones
        return capture

    def _read(self) -> NDArray[np.generic] | None:
        import cv2

        try:
            good, image = self._capture.read()
        except cv2.error:
            return None
        return np.asarray(image) if good and image is not None else None

    def _reconnected(self) -> NDArray[np.generic] | None:
        """Open the camera again and return its first frame; None if it is gone or closed."""
        until_s = time.monotonic() + self._reconnect_s
        while not (self._closed or self._cancelled()):
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                break
            self._capture.release()
            capture = self._open()
            if capture is not None:
                self._capture = capture
                image = self._read()
                if image is not None:
                    self.reconnects += 1
                    return image
            time.sleep(min(RETRY_S, left_s))
        return None


def as_bgr(image: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    """Return a frame as 8-bit BGR, if that is exact.

    Grey frames get three equal channels; a fourth channel is dropped if it has one value; 16-bit
    values are divided by 256 or 257 if all are multiples of it.

    Args:
        image: (height, width) or (height, width, channels).
        name: Name of the camera for the error.

    Returns:
        uint8 (height, width, 3).

    Raises:
        InputError: If a conversion would lose anything.
    """
    pixels = image[..., None] if image.ndim == 2 else image
    if pixels.ndim == 3 and pixels.shape[2] in (1, 3, 4) and pixels.size:
        if pixels.shape[2] == 4 and (pixels[..., 3] == pixels[0, 0, 3]).all():
            pixels = pixels[..., :3]
        eight = _eight_bits(pixels)
        if eight is not None and pixels.shape[2] != 4:
            three = eight if eight.shape[2] == 3 else np.repeat(eight, 3, axis=2)
            return np.ascontiguousarray(three)
    raise InputError(
        f"camera {name} delivers frames of {image.dtype} {image.shape}, which cannot be converted "
        "to 8-bit BGR without loss: set the camera or the pipeline to BGR"
    )


def _eight_bits(pixels: NDArray[np.generic]) -> NDArray[np.uint8] | None:
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, np.uint8)
    if pixels.dtype == np.uint16:
        for factor in (257, 256):  # 257 maps 255 to 65535
            if not (pixels % np.uint16(factor)).any():
                return np.asarray(pixels // np.uint16(factor), np.uint8)
    return None


def _opencv_source(device: CameraSource, name: str, reconnect_s: float) -> tuple[object, ...]:
    """Return the arguments of `cv2.VideoCapture` for a source.

    Raises:
        InputError: If this OpenCV has no backend for it.
    """
    import cv2

    if isinstance(device, int):
        return (device,)
    source = str(device)
    if not source or "\0" in source:
        raise InputError(f"{source!r} is no camera: give its number, device path or address")
    has_backend = cv2.videoio_registry.hasBackend
    if source.startswith(ADDRESSES):
        if not has_backend(cv2.CAP_FFMPEG):
            raise InputError(f"{name} needs an OpenCV with FFmpeg, which this one lacks")
        limit_ms = round(1000 * max(1.0, reconnect_s))
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            limit_ms,
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            limit_ms,
        ]
        return source, cv2.CAP_FFMPEG, limits
    if "!" in source:
        if not has_backend(cv2.CAP_GSTREAMER):
            raise InputError(
                f"the pipeline {shown(name)} needs an OpenCV with GStreamer, which this one lacks: "
                "Debian's python3-opencv has it"
            )
        return source, cv2.CAP_GSTREAMER
    if "://" in source:
        raise InputError(f"{name} must begin with one of {', '.join(ADDRESSES)}")
    if not Path(source).exists():
        raise InputError(f"no camera at {shown(name)}: give its number, device path or address")
    if is_file(source):
        raise InputError(f"{name} is a file, not a camera: read it with VideoFile or fer video")
    return source, cv2.CAP_ANY


def _without_user(name: str) -> str:
    """Return an address without user name and password."""
    return _USER.sub("", name)
