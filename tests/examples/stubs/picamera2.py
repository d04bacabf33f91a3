"""Stands for picamera2, which runs on a Raspberry Pi only: its documented calls, and their order.

The frames are those of `tests.synthetic.moving_face`; after `FRAMES` of them the process gets
SIGTERM, as from systemd.
"""

import os
import signal
import sys
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from tests.synthetic import moving_face

FRAMES = 12
FRAME_NS = 50_000_000


class Request:
    """A captured frame, whose buffer the camera needs back."""

    def __init__(self, number: int, size: tuple[int, int]) -> None:
        self.number = number
        self.size = size
        self.released = False

    def make_array(self, name: str) -> NDArray[np.uint8]:
        assert name == "main"
        assert not self.released
        # The manual: "RGB888" is blue, green, red in memory.
        return np.asarray(cv2.resize(moving_face(self.number), self.size), np.uint8)

    def get_metadata(self) -> dict[str, Any]:
        assert not self.released
        return {"SensorTimestamp": 7_000_000_000 + FRAME_NS * self.number, "ExposureTime": 9999}

    def release(self) -> None:
        assert not self.released
        self.released = True


class Picamera2:
    """A camera that must be configured, then started, and gets each request back."""

    def __init__(self) -> None:
        self._main: dict[str, Any] | None = None
        self._started = False
        self._request: Request | None = None
        self._captured = 0

    def __enter__(self) -> "Picamera2":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def create_video_configuration(self, main: dict[str, Any]) -> dict[str, Any]:
        assert main.keys() <= {"size", "format"}
        return {"use": "video", "main": main}

    def configure(self, configuration: dict[str, Any]) -> None:
        assert not self._started
        assert configuration["main"]["format"] == "RGB888"
        self._main = configuration["main"]

    def start(self) -> None:
        assert self._main is not None
        self._started = True

    def capture_request(self) -> Request:
        assert self._started
        assert self._main is not None
        assert self._request is None or self._request.released
        self._request = Request(self._captured, self._main["size"])
        self._captured += 1
        if self._captured == FRAMES:
            os.kill(os.getpid(), signal.SIGTERM)
        return self._request

    def stop(self) -> None:
        assert self._started
        self._started = False

    def close(self) -> None:
        sys.stderr.write("closed\n")
