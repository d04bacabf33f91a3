"""A stream of frames in, faces with an id and a steady expression out."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.detectors.base import FaceDetector
from fer_sdk.detectors.yunet import YuNet
from fer_sdk.errors import InputError
from fer_sdk.preprocess import Color, check_image, to_bgr
from fer_sdk.quality import DEFAULT_LIMITS, QualityLimits
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import Expression, Face, Landmarks, RecognizedFace
from fer_sdk.video.smoother import Smoother, SmoothingSettings
from fer_sdk.video.tracker import FaceTracker, Track, TrackingSettings

WINDOW_SIZES: Final = 1.6
"""Side of the window that is searched around a tracked face, in sides of its box."""
WINDOW_PX: Final = 128
"""Side that a window is shrunk to, and the least that it covers of the frame, in pixels."""
WINDOW_MIN_SCORE: Final = 0.6
"""Where a face was a moment ago, less certainty will do than for a new one."""
WINDOWS_AT_MOST: Final = 8
"""With more faces than this, one search of the whole frame costs less than all their windows."""


@dataclass(frozen=True, slots=True)
class TrackedFace(RecognizedFace):
    """A face of a stream; `expression` is smoothed over time, its label kept from flickering.

    Attributes:
        id: The same for the same face from frame to frame, from 1; never given twice.
        raw: The expression of this frame alone.
    """

    id: int
    raw: Expression


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What one frame of a stream shows.

    Attributes:
        index: Number of the frame in its stream, from 0.
        time_s: The frame's time, as it was given.
        faces: By id.
        searched: Whether the whole frame was searched, not only windows around known faces.
    """

    index: int
    time_s: float
    faces: tuple[TrackedFace, ...]
    searched: bool


class VideoRecognizer(ContextManager):
    """Follows the faces of a stream and says what they express; one object a stream and thread.

    The whole frame is searched every `tracking.detect_every` frames, while there is no face, and
    when one gets lost. Between, the detector looks only at a small window around each known face.
    Memory does not grow with the stream.
    """

    def __init__(
        self,
        model: str | Path | ExpressionClassifier = DEFAULT_MODEL,
        *,
        detector: FaceDetector | None = None,
        runtime: str | None = None,
        delegate: str = "cpu",
        threads: int = 1,
        limits: QualityLimits = DEFAULT_LIMITS,
        tracking: TrackingSettings | None = None,
        smoothing: SmoothingSettings | None = None,
    ) -> None:
        """Open the model and the face detectors.

        Args:
            model: Name of a shipped model, path of a bundle, or a classifier of your own.
            detector: Finds faces in whole frames and in windows; None takes YuNet, a quicker one
                for the windows.
            runtime: As in `ExpressionClassifier.load`.
            delegate: As in `ExpressionClassifier.load`.
            threads: CPU threads of the classifier.
            limits: From where on the view of a face is called bad.
            tracking: When to search and what counts as the same face; None takes the defaults.
            smoothing: How quickly the shown expression follows; None takes the defaults.

        Raises:
            FerError: As `ExpressionClassifier.load` and `YuNet` do.
        """
        self._tracking = tracking or TrackingSettings()
        self._smoothing = smoothing or SmoothingSettings()
        self._recognizer = ExpressionRecognizer(
            model,
            detector=detector,
            runtime=runtime,
            delegate=delegate,
            threads=threads,
            limits=limits,
        )
        self._window_detector: FaceDetector = (
            YuNet(min_score=WINDOW_MIN_SCORE, max_side=WINDOW_PX) if detector is None else detector
        )
        self.reset()

    @property
    def classifier(self) -> ExpressionClassifier:
        """The model that names the expressions."""
        return self._recognizer.classifier

    def reset(self) -> None:
        """Forget all faces: the next frame begins a stream, with ids from 1."""
        self._tracker = FaceTracker(self._tracking)
        self._smoothers: dict[int, Smoother] = {}
        self._next_index = 0
        self._last_s = -math.inf
        self._unsearched = 0

    def recognize(self, image: NDArray[np.uint8], *, time_s: float, color: Color) -> FrameResult:
        """Take the next frame of the stream and say what its faces express.

        Args:
            image: uint8 (height, width, 3), or (height, width) for color="grey"; range [0, 255].
            time_s: When the frame was taken, in seconds, not before the last one.
            color: Order of the channels: "bgr" as OpenCV reads, "rgb" as Pillow does, or "grey".

        Raises:
            InputError: If the image is not of that form, or time runs backwards.
        """
        check_image(image, color)
        if not (math.isfinite(time_s) and time_s >= self._last_s):
            raise InputError(f"time_s must be finite and at least {self._last_s}, but is {time_s}")
        found, searched = self._find(to_bgr(image, color), time_s)
        boxes = [face.box_xyxy for face in found]
        ids = self._tracker.update(boxes, time_s, may_begin=searched)
        faces = {i: face for i, face in zip(ids, found, strict=True) if i is not None}
        tracked = self._label(image, dict(sorted(faces.items())), time_s, color)
        result = FrameResult(self._next_index, time_s, tracked, searched)
        self._next_index += 1
        self._last_s = time_s
        return result

    def stream(
        self, frames: Iterable[tuple[float, NDArray[np.uint8]]], *, color: Color
    ) -> Iterator[FrameResult]:
        """Give the result of each frame of a new stream, as soon as it is known.

        Args:
            frames: Time in seconds and image of each, such as a `VideoFile` or a `Camera`.
            color: Order of the channels of all images; `VideoFile` and `Camera` give "bgr".

        Raises:
            FerError: As `recognize` and `frames` do.
        """
        self.reset()
        for time_s, image in frames:
            yield self.recognize(image, time_s=time_s, color=color)

    def run(
        self,
        frames: Iterable[tuple[float, NDArray[np.uint8]]],
        on_frame: Callable[[NDArray[np.uint8], FrameResult], bool | None],
        *,
        color: Color,
    ) -> int:
        """Call a function with each frame's image and result.

        Args:
            frames: As in `stream`.
            on_frame: Returns False to stop; None and True go on.
            color: As in `stream`.

        Returns:
            How many frames were seen.

        Raises:
            FerError: As `recognize` and `frames` do.
        """
        self.reset()
        for time_s, image in frames:
            if on_frame(image, self.recognize(image, time_s=time_s, color=color)) is False:
                break
        return self._next_index

    def close(self) -> None:
        """Free model and detectors; may be called twice."""
        self._recognizer.close()
        self._window_detector.close()

    def _find(self, image_bgr: NDArray[np.uint8], time_s: float) -> tuple[list[Face], bool]:
        """Return the faces and whether the whole frame was searched.

        A window's answer comes first and is kept where the whole frame's shows the same face:
        boxes found at two scales differ by a few per cent, and would jump to and fro.
        """
        self._tracker.end_old(time_s)
        tracks = self._tracker.tracks
        found: list[Face] = []
        windows = len(tracks) <= WINDOWS_AT_MOST and self._tracking.detect_every > 1
        if windows:
            for track in tracks:
                found += self._near(image_bgr, track)
        due = self._unsearched + 1 >= self._tracking.detect_every
        lost = self._tracker.unseen([face.box_xyxy for face in found])
        searched = due or bool(lost) or not (windows and tracks)
        if searched:
            found += self._recognizer.detector.detect(image_bgr)
        self._unsearched = 0 if searched else self._unsearched + 1
        return found, searched

    def _near(self, image_bgr: NDArray[np.uint8], track: Track) -> list[Face]:
        """Search a square window around a face, as small as the detector can do with."""
        height, width = image_bgr.shape[:2]
        left, top, right, bottom = track.box_xyxy
        side = max(WINDOW_SIZES * max(right - left, bottom - top), WINDOW_PX)
        side = round(min(side, width, height))
        x = round(min(max((left + right - side) / 2, 0), width - side))
        y = round(min(max((top + bottom - side) / 2, 0), height - side))
        found = self._window_detector.detect(image_bgr[y : y + side, x : x + side])
        return [_shifted(face, x, y) for face in found]

    def _label(
        self, image: NDArray[np.uint8], faces: dict[int, Face], time_s: float, color: Color
    ) -> tuple[TrackedFace, ...]:
        seen = self._recognizer.describe(image, tuple(faces.values()), color=color)
        followed = {track.id for track in self._tracker.tracks}
        self._smoothers = {i: s for i, s in self._smoothers.items() if i in followed}
        return tuple(
            TrackedFace(
                face.face,
                self._smoothed(number, face.expression, time_s),
                face.quality,
                number,
                face.expression,
            )
            for number, face in zip(faces, seen, strict=True)
        )

    def _smoothed(self, number: int, raw: Expression, time_s: float) -> Expression:
        smoother = self._smoothers.setdefault(number, Smoother(self._smoothing))
        smoother.update(raw.probabilities, time_s)
        confidence = smoother.probabilities[smoother.label]
        return replace(
            raw,
            label=raw.labels[smoother.label],
            confidence=confidence,
            uncertain=confidence < self.classifier.bundle.uncertain_below,
            probabilities=smoother.probabilities,
        )


def _shifted(face: Face, x: int, y: int) -> Face:
    """Move a face found in a window to its place in the frame."""
    points = face.landmarks
    left, top, right, bottom = face.box_xyxy
    landmarks = Landmarks(
        *(
            (place[0] + x, place[1] + y)
            for place in (points.right_eye, points.left_eye, points.nose,
                          points.mouth_right, points.mouth_left)
        )
    )  # fmt: skip
    return Face((left + x, top + y, right + x, bottom + y), landmarks, face.score)
