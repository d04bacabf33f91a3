import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer_sdk import Camera, Frame, VideoFile
from fer_sdk.errors import InputError, StreamError


def collect(frames: Iterable[Frame], into: list[Frame], pause_s: float = 0) -> None:
    for frame in frames:
        into.append(frame)
        time.sleep(pause_s)


def test_frames_have_the_order_and_timestamps_of_the_file(face_video: Path) -> None:
    with VideoFile(str(face_video)) as video:
        assert (video.fps, video.frame_count) == (24, 60)
        frames = list(video)
    assert [frame.time_s for frame in frames] == pytest.approx([n / 24 for n in range(60)])
    assert {frame.image.shape for frame in frames} == {(360, 480, 3)}
    assert abs(frames[0].image.astype(int) - frames[1].image).mean() > 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "no video at"),
        (b"", "is empty"),
        (b"not a video\n" * 99, "is not a video that OpenCV"),
    ],
)
def test_a_file_that_is_not_a_video_is_rejected(
    data: bytes | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "video.mp4"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError, match=message):
        VideoFile(path)


def test_a_network_address_is_rejected() -> None:
    with pytest.raises(InputError, match="no video at"):
        VideoFile(Path("http://127.0.0.1:9/video.mp4"))


def test_a_truncated_video_yields_the_frames_before_and_then_raises(
    face_video: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cut.avi"
    path.write_bytes(face_video.read_bytes()[: face_video.stat().st_size * 6 // 10])
    frames: list[Frame] = []
    with (
        VideoFile(path) as video,
        pytest.raises(
            StreamError, match=r"is truncated: \d+ of its bytes are missing; it ends after 3\d"
        ),
    ):
        collect(video, frames)
    assert 30 <= len(frames) < 40


class FakeCapture:
    """Replaces `cv2.VideoCapture`: yields the given number of frames, then fails or raises."""

    def __init__(self, frames: int = 5, *, opened: bool = True, raises: bool = False) -> None:
        self.frames = frames
        self.opened = opened
        self.raises = raises
        self.settings: dict[int, float] = {}
        self.properties = {cv2.CAP_PROP_FRAME_WIDTH: 64.0, cv2.CAP_PROP_FRAME_HEIGHT: 48.0}
        self.released = 0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return self.opened

    def set(self, name: int, value: float) -> bool:
        self.settings[name] = value
        return True

    def get(self, name: int) -> float:
        return self.properties.get(name, 0.0)

    def grab(self) -> bool:
        if self.frames == 0:
            if self.raises:
                raise cv2.error("select() timeout")
            return False
        self.frames -= 1
        return True

    def retrieve(self) -> tuple[bool, Any]:
        return True, np.full((48, 64, 3), self.frames, np.uint8)

    def read(self) -> tuple[bool, Any]:
        return self.retrieve() if self.grab() else (False, None)

    def release(self) -> None:
        self.released += 1
        self.opened = False


def use_capture(monkeypatch: pytest.MonkeyPatch, capture: FakeCapture) -> FakeCapture:
    monkeypatch.setattr(cv2, "VideoCapture", lambda *source: capture)
    return capture


@pytest.mark.parametrize("raises", [False, True])
def test_a_disconnected_camera_raises_stream_error(
    raises: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = use_capture(monkeypatch, FakeCapture(5, raises=raises))
    frames: list[Frame] = []
    with (
        Camera(2, reconnect_s=0) as camera,
        pytest.raises(
            StreamError, match="camera 2 stopped after 5 frames: check that it is connected"
        ),
    ):
        collect(camera, frames, pause_s=0.002)
    times = [frame.time_s for frame in frames]
    assert times[0] == 0
    assert times == sorted(times)
    assert times[-1] >= 0.008
    assert capture.settings[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert capture.released == 1


def test_a_missing_camera_raises_input_error(monkeypatch: pytest.MonkeyPatch) -> None:
    use_capture(monkeypatch, FakeCapture(opened=False))
    with pytest.raises(InputError, match="cannot open camera 7"):
        Camera(7)


def test_closing_a_camera_ends_the_iteration(monkeypatch: pytest.MonkeyPatch) -> None:
    use_capture(monkeypatch, FakeCapture(100))
    with Camera() as camera:
        seen = 0
        for _ in camera:
            seen += 1
            if seen == 3:
                camera.close()
    assert seen == 3


def test_constant_timestamps_are_replaced_by_the_stated_frame_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "video.h264").write_bytes(b"x")
    capture = use_capture(monkeypatch, FakeCapture(4))
    capture.properties[cv2.CAP_PROP_FPS] = 10.0
    with VideoFile(tmp_path / "video.h264") as video:
        assert video.frame_count is None
        assert [frame.time_s for frame in video] == pytest.approx([0, 0.1, 0.2, 0.3])


def test_videos_without_readable_frames_or_with_too_large_frames_are_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "video.mp4").write_bytes(b"x")
    capture = use_capture(monkeypatch, FakeCapture(0))
    with VideoFile(tmp_path / "video.mp4") as video, pytest.raises(InputError, match="no frame of"):
        list(video)
    capture.opened = True
    capture.properties[cv2.CAP_PROP_FRAME_WIDTH] = 20_000.0
    with pytest.raises(InputError, match="20000x48 pixels"):
        VideoFile(tmp_path / "video.mp4")
