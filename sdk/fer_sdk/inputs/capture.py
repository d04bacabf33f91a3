"""Frames with timestamps from video files; truncated streams raise an error."""

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk._internal.files import is_file
from fer_sdk._internal.opencv import opencv_name, require_opencv
from fer_sdk._internal.opencv_log import silent_opencv
from fer_sdk.errors import InputError, StreamError, shown
from fer_sdk.inputs.containers import missing_bytes
from fer_sdk.inputs.images import MAX_NAME, MAX_PIXELS, MAX_SIDE

if TYPE_CHECKING:
    import cv2

GAP_S: Final = 0.25
GAP_FRAMES: Final = 3
"""An interval of more than `GAP_S` seconds and `GAP_FRAMES` frames at the average rate is a gap."""

MAX_GAPS: Final = 100
PEAK_FRAMES: Final = 120
MAX_FPS: Final = 60.0
MIN_ASPECT: Final = 0.2
"""Least plausible aspect ratio of a pixel; files state 0 or nonsense as well."""


class Frame(NamedTuple):
    """Image of a stream with its timestamp; a plain tuple is accepted in its place.

    Attributes:
        time_s: Timestamp in seconds, relative to any origin.
        image: uint8 (height, width, 3), range [0, 255]; BGR from `VideoFile` and `Camera`.
    """

    time_s: float
    image: NDArray[np.uint8]


class VideoFile(ContextManager):
    """Frames of a video file, BGR, rotated upright, with square pixels; can be iterated once.

    Frames have the timestamps of the file, so variable frame rates are supported. A timestamp that
    does not increase is replaced by the previous one plus one frame at the stated frame rate.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        every: int = 1,
        begin_s: float = 0.0,
        end_s: float = math.inf,
    ) -> None:
        """Open a video file with OpenCV and FFmpeg. Network addresses are rejected.

        Args:
            path: The file.
            every: Yield the first and then each `every`-th frame of the span.
            begin_s: Least timestamp in seconds of the frames to yield; those before are decoded,
                so that the timestamps are exact.
            end_s: Largest timestamp in seconds; the file is not read further.

        Raises:
            InputError: If the file is missing, empty or not a readable video, its frames are too
                large, or the span is empty.
        """
        path = Path(path)
        if every < 1:
            raise InputError(f"every must be 1 or more, but is {every}")
        if not (0 <= begin_s < end_s):
            raise InputError(
                f"a span of a video must begin at 0 s or later and end after that, but is "
                f"{begin_s:g} to {end_s:g} s"
            )
        if not is_file(path):
            raise InputError(f"no video at {shown(path, MAX_NAME)}")
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes)")
        require_opencv("reading videos")
        import cv2

        name = opencv_name(path)
        with silent_opencv():
            capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise InputError(
                f"{path} is not a video that OpenCV {cv2.__version__} can read, or is truncated"
            )
        self.path = path
        self._capture = capture
        self._every, self._begin_s, self._end_s = every, begin_s, end_s
        width, height = (
            int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        self._stretch = _stretch(capture)
        width, height = _stretched((width, height), self._stretch)
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
        """Number of frames as stated by the file, an estimate; None if it states none."""
        self.gaps: list[tuple[float, float]] = []
        """Times between which a frame is missing: a pause of the recording, or damage. It is
        filled by the iteration, and holds the first `MAX_GAPS` gaps."""

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames in order.

        Raises:
            StreamError: After the last readable frame, if the file cannot be read further or is
                shorter than its container states.
            InputError: If no frame can be decoded.
        """
        import cv2

        read, inside, last_s = 0, 0, -1 / self.fps
        longest_s = max(GAP_S, GAP_FRAMES / self.fps)
        failure = ""
        while True:
            image = None
            try:
                if not self._capture.grab():
                    break
                time_s = self._time_after(last_s, first=read == 0)
                if time_s > self._end_s:
                    return
                wanted = time_s >= self._begin_s and inside % self._every == 0
                if wanted:
                    image = _retrieved(self._capture)
                    if image is None:
                        break
            except cv2.error as error:
                failure = f"cannot be read further ({shown(error.err or error)})"
                break
            if read and time_s - last_s > longest_s and len(self.gaps) < MAX_GAPS:
                self.gaps.append((last_s, time_s))
            last_s = time_s
            read += 1
            inside += time_s >= self._begin_s
            if image is not None:
                yield Frame(time_s, self._square(image))
        if read == 0:
            raise InputError(
                f"no frame of {self.path} can be decoded: OpenCV {cv2.__version__} may not support "
                f"its codec {self.codec}; convert it, for example by ffmpeg -i {self.path.name} "
                "-c:v libx264 converted.mp4"
            )
        missing = missing_bytes(self.path)
        if missing and not failure:
            failure = f"is truncated: {missing} of its bytes are missing"
        if failure:
            raise StreamError(f"{self.path} {failure}; it ends after {read} frames")
        if not inside:
            raise InputError(
                f"{self.path} has no frame from {self._begin_s:g} s on: its last is at "
                f"{last_s:.3f} s"
            )

    def _time_after(self, last_s: float, *, first: bool) -> float:
        """Return the timestamp of the grabbed frame, or the next plausible one."""
        import cv2

        time_s = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        if first and not time_s >= 0:
            return 0.0
        return time_s if math.isfinite(time_s) and time_s > last_s else last_s + 1 / self.fps

    @property
    def codec(self) -> str:
        """Code of four letters of the video's codec, such as "h264"; "unknown" if there is none."""
        import cv2

        code = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF
        text = code.to_bytes(4, "little").decode("latin-1").strip("\0 ")
        return text if text and text.isprintable() else "unknown"

    def peak_fps(self) -> float:
        """Return the highest frame rate among the first frames.

        A video of a variable frame rate with pauses has a much lower average. A `VideoSink` with
        this rate shows every frame.

        Returns:
            `fps`, unless the shortest interval of the first `PEAK_FRAMES` frames is clearly
            shorter; then its reciprocal, at most `MAX_FPS`.
        """
        import cv2

        with silent_opencv():
            capture = cv2.VideoCapture(str(self.path), cv2.CAP_FFMPEG)
        times_s: list[float] = []
        try:
            while len(times_s) < PEAK_FRAMES and capture.grab():
                times_s.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
        finally:
            capture.release()
        steps = sorted(b - a for a, b in pairwise(times_s) if math.isfinite(b - a) and b > a)
        if not steps:
            return self.fps
        # The shortest interval may be an outlier of rounded timestamps.
        shortest = steps[len(steps) // 10]
        return min(round(1 / shortest, 3), MAX_FPS) if shortest * self.fps < 0.8 else self.fps

    def _square(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Stretch a frame of pixels that are not square, such as PAL's, by their aspect ratio."""
        if self._stretch == (1.0, 1.0):
            return image
        import cv2

        height, width = image.shape[:2]
        size = _stretched((width, height), self._stretch)
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._capture.release()


def _retrieved(capture: "cv2.VideoCapture") -> NDArray[np.uint8] | None:
    good, image = capture.retrieve()
    return np.asarray(image, np.uint8) if good and image is not None else None


def _stretched(size: tuple[int, int], factors: tuple[float, float]) -> tuple[int, int]:
    """Return a size times its factors; a stretched side is even, as video encoders need it."""
    width, height = (
        side if factor == 1 else 2 * round(side * factor / 2)
        for side, factor in zip(size, factors, strict=True)
    )
    return width, height


def _stretch(capture: "cv2.VideoCapture") -> tuple[float, float]:
    """Return the factors of width and height, 1 or more, that make a file's pixels square."""
    import cv2

    across, down = (capture.get(p) for p in (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN))
    if not (across > 0 and down > 0 and MIN_ASPECT <= across / down <= 1 / MIN_ASPECT):
        return 1.0, 1.0
    aspect = across / down
    if round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 180 == 90:  # OpenCV rotates the frames
        aspect = 1 / aspect
    return (aspect, 1.0) if aspect >= 1 else (1.0, 1 / aspect)
