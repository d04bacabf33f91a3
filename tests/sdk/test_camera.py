"""Sources of `Camera`, reconnection after a gap, and the conversion of frames."""

import itertools
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer_sdk import Camera, InputError, StreamError
from fer_sdk.inputs import camera as module
from fer_sdk.inputs.camera import as_bgr


class Unplugged:
    """Replaces `cv2.VideoCapture`: the n-th opening yields so many frames, then it fails.

    0 stands for a camera that cannot be opened.
    """

    def __init__(self, frames: list[int]) -> None:
        self.left = iter(frames)
        self.opened: list[tuple[Any, ...]] = []

    def __call__(self, *source: Any) -> Any:
        self.opened.append(source)
        return _Capture(next(self.left, 0))


class _Capture:
    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.open = frames > 0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.open

    def set(self, name: int, value: float) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        self.frames -= 1
        return (True, np.full((4, 6, 3), 7, np.uint8)) if self.frames >= 0 else (False, None)

    def release(self) -> None:
        self.open = False


@pytest.fixture
def unplugged(monkeypatch: pytest.MonkeyPatch) -> Any:
    def use(*frames: int) -> Unplugged:
        fake = Unplugged(list(frames))
        monkeypatch.setattr(cv2, "VideoCapture", fake)
        monkeypatch.setattr(module, "RETRY_S", 0.01)
        return fake

    return use


def test_a_camera_that_returns_loses_only_the_frames_between(unplugged: Any) -> None:
    fake = unplugged(5, 0, 0, 4)
    with Camera(2, reconnect_s=5) as camera:
        times = [frame.time_s for frame in itertools.islice(camera, 9)]
    assert len(times) == 9
    assert times == sorted(times)
    assert (camera.reconnects, len(camera.gaps)) == (1, 1)
    assert camera.gaps[0] == (times[4], times[5])
    assert times[5] - times[4] > 0.02
    assert fake.opened == [(2,)] * 4


def test_a_camera_that_does_not_return_ends_after_the_limit(unplugged: Any) -> None:
    unplugged(3)
    begin_s = time.monotonic()
    with (
        Camera(2, reconnect_s=0.2) as camera,
        pytest.raises(
            StreamError,
            match=r"camera 2 stopped after 3 frames and did not return within 0\.2 s: check",
        ),
    ):
        list(camera)
    assert 0.2 <= time.monotonic() - begin_s < 2
    assert camera.reconnects == 0


def test_waiting_for_a_camera_can_be_cancelled_and_closed(unplugged: Any) -> None:
    unplugged(1)
    with Camera(0, reconnect_s=60, cancelled=lambda: True) as camera:
        assert len(list(camera)) == 1
    unplugged(1)
    with Camera(0, reconnect_s=60) as camera:
        threading.Timer(0.1, camera.close).start()
        assert len(list(camera)) == 1


def test_addresses_are_opened_by_ffmpeg_with_limits_and_no_password_is_shown(
    unplugged: Any,
) -> None:
    fake = unplugged(1)
    address = "rtsp://ada:secret@camera.example/stream"
    with Camera(address, reconnect_s=0) as camera, pytest.raises(StreamError) as caught:
        list(camera)
    source, backend, limits = fake.opened[0]
    assert (source, backend) == (address, cv2.CAP_FFMPEG)
    assert limits[0::2] == [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, cv2.CAP_PROP_READ_TIMEOUT_MSEC]
    assert "camera rtsp://camera.example/stream stopped" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_an_address_without_a_camera_names_what_to_check(unplugged: Any) -> None:
    unplugged(0)
    with pytest.raises(InputError, match="cannot open camera rtsp://c/: check the address, the ne"):
        Camera("rtsp://ada:secret@c/")


def test_pipelines_are_opened_by_gstreamer_if_opencv_has_it(
    unplugged: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = "videotestsrc ! videoconvert ! appsink"
    fake = unplugged(1)
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda backend: True)
    Camera(pipeline).close()
    assert fake.opened == [(pipeline, cv2.CAP_GSTREAMER)]
    monkeypatch.setattr(cv2.videoio_registry, "hasBackend", lambda backend: False)
    with pytest.raises(InputError, match="needs an OpenCV with GStreamer, which this one lacks"):
        Camera(pipeline)
    with pytest.raises(InputError, match="needs an OpenCV with FFmpeg, which this one lacks"):
        Camera("http://camera.example/")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "is no camera"),
        ("/dev/no-such-device", "no camera at /dev/no-such-device"),
        ("ftp://camera.example", "must begin with one of rtsp://"),
        (Path(__file__), "is a file, not a camera"),
    ],
)
def test_other_sources_are_refused(source: str | Path, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Camera(source)


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf")])
def test_an_invalid_limit_is_refused(wrong: float) -> None:
    with pytest.raises(InputError, match="reconnect_s must be 0 or more"):
        Camera(0, reconnect_s=wrong)


def test_frames_are_converted_where_that_is_exact() -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    grey = values[..., 0]
    as_grey = np.repeat(grey[..., None], 3, axis=2)
    opaque = np.dstack([values, np.full((2, 4), 255, np.uint8)])
    for image, expected in (
        (values, values),
        (grey, as_grey),
        (grey[..., None], as_grey),
        (opaque, values),
        (values.astype(np.uint16) * 257, values),
        (values.astype(np.uint16) * 256, values),
        (grey.astype(np.uint16) * 257, as_grey),
    ):
        converted = as_bgr(image, "0")
        assert converted.dtype == np.uint8
        np.testing.assert_array_equal(converted, expected)


@pytest.mark.parametrize(
    "image",
    [
        np.arange(24, dtype=np.uint16).reshape(2, 4, 3) * 100,
        np.dstack([np.zeros((2, 4, 3), np.uint8), np.arange(8, dtype=np.uint8).reshape(2, 4)]),
        np.zeros((2, 4, 2), np.uint8),
        np.zeros((2, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(8, np.uint8),
    ],
    ids=["16 bits with low bits", "an alpha that varies", "two channels", "float", "empty", "flat"],
)
def test_frames_that_would_lose_something_are_refused(image: Any) -> None:
    with pytest.raises(InputError, match="cannot be converted to 8-bit BGR without loss"):
        as_bgr(image, "0")
