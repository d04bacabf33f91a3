"""A sink for annotated videos."""

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.opencv import opencv_name
from fer_sdk._internal.opencv_log import silent_opencv
from fer_sdk.errors import InputError, OutputError
from fer_sdk.outputs.annotate import draw_faces
from fer_sdk.outputs.file_sink import FileSink
from fer_sdk.outputs.sound import copy_sound
from fer_sdk.results import FrameResult

if TYPE_CHECKING:
    import cv2

CODECS: Final = {".mp4": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
"""Codec by suffix; OpenCV's FFmpeg encodes these without patented codecs or special hardware."""


class VideoSink(FileSink):
    """Writes a video with the faces drawn on every frame.

    Sound is copied from `sound_from`, if the programs ffmpeg and ffprobe are installed.

    An exception in a `with` block discards the file; `close` keeps it. An existing file of that
    name is replaced.
    """

    def __init__(
        self, path: str | Path, fps: float, *, sound_from: str | Path | None = None
    ) -> None:
        """Create a temporary file in the same folder, which `close` renames.

        Args:
            path: .mp4, .mov, .mkv, .avi or .webm file; its folder is created.
            fps: Frames per second, such as `VideoFile.peak_fps()`. Frames are repeated or skipped
                so that each is shown at its `time_s`.
            sound_from: Video whose sound is copied; its first frame must be the first one written.

        Raises:
            InputError: If the suffix is unknown, or the name is not valid UTF-8.
            OutputError: If the folder cannot be written.
        """
        codec = CODECS.get(Path(path).suffix.lower())
        if codec is None:
            raise InputError(f"{path} must end in one of {', '.join(CODECS)}")
        opencv_name(Path(path))
        super().__init__(path)
        self.fps = fps
        self.sound_failure: str | None = None
        """Why the sound could not be copied; set by `close`."""
        self._sound_from = None if sound_from is None else Path(sound_from)
        self._codec = codec
        self._writer: cv2.VideoWriter | None = None
        self._size = (0, 0)
        self._begin_s = 0.0
        self._written = 0
        self._stack.push(self._finish)

    def write(self, image_bgr: NDArray[np.uint8], result: FrameResult) -> None:
        """Append a frame.

        Args:
            image_bgr: Frame, uint8 (height, width, 3), BGR. Frames of another size than the first
                are resized to it.
            result: Its faces and its time.

        Raises:
            OutputError: If OpenCV cannot write such a video.
        """
        import cv2

        if self._writer is None:
            self._size = image_bgr.shape[1], image_bgr.shape[0]
            self._begin_s = result.time_s
            self._writer = self._open()
        picture = draw_faces(image_bgr, result.faces)
        if (picture.shape[1], picture.shape[0]) != self._size:  # OpenCV would skip it silently
            picture = np.asarray(cv2.resize(picture, self._size), np.uint8)
        due = round((result.time_s - self._begin_s) * self.fps) + 1
        while self._written < due:
            self._writer.write(picture)
            self._written += 1

    def _open(self) -> "cv2.VideoWriter":
        import cv2

        writer = cv2.VideoWriter()
        code = cv2.VideoWriter.fourcc(*self._codec)
        with silent_opencv():
            writer.open(str(self._temporary), cv2.CAP_FFMPEG, code, self.fps, self._size)
        if not writer.isOpened():
            raise OutputError(
                f"OpenCV {cv2.__version__} cannot write {self.path.suffix} videos of "
                f"{self._size[0]}x{self._size[1]} pixels: use .avi"
            )
        return writer

    def _finish(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Complete the file and count its frames: OpenCV reports no failed writes."""
        import cv2

        if self._writer is not None:
            self._writer.release()
        if kind is not None:
            return
        capture = cv2.VideoCapture(str(self._temporary), cv2.CAP_FFMPEG)
        readable = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        capture.release()
        if readable < self._written:
            raise OutputError(
                f"only {readable} of {self._written} frames of {self.path} can be read back: "
                "check the free disk space"
            )
        if self._sound_from is not None:
            self.sound_failure = copy_sound(
                self._temporary, self._sound_from, self._written / self.fps
            )
