"""Expression recognition in streams of frames, with face tracking and temporal smoothing."""

import math
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.context_manager import ContextManager
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.detectors.base import FaceDetector
from fer_sdk.detectors.yunet import MAX_SIDE, open_yunet
from fer_sdk.errors import InputError
from fer_sdk.preprocess import Color, check_image, to_bgr
from fer_sdk.quality import DEFAULT_LIMITS, QualityLimits
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import Face, FrameResult, Landmarks, RecognizedFace, TrackedFace
from fer_sdk.video.baseline import Baseline, BaselineSettings
from fer_sdk.video.personal_baselines import PersonalBaselines
from fer_sdk.video.smoother import Smoother, SmoothingSettings
from fer_sdk.video.tracker import FaceTracker, Track, TrackingSettings

WINDOW_SIZES: Final = 1.6
"""Side of the search window around a tracked face, in sides of its box."""
WINDOW_PX: Final = 128
"""Side that a window is scaled down to, and its least side in the frame, in pixels."""
WINDOW_MIN_SCORE: Final = 0.6
"""Least detection score in a window; lower than for a new face, because one was there before."""
WINDOWS_AT_MOST: Final = 8
"""With more tracks than this, one search of the full frame takes less time than all windows."""

MAX_GAP_FRAMES: Final = 2
"""A track lasts at least this number of frames without a detection: `max_gap_s` alone would end it
with every frame of a video that has one frame in five seconds."""


class VideoRecognizer(ContextManager):
    """Tracks the faces of one stream and classifies their expressions; not for several threads.

    The detector searches the full frame every `tracking.detect_every` frames, while there is no
    track, and when a track is lost. In the other frames it searches a small window around each
    track. Memory use does not grow with the length of the stream.
    """

    def __init__(
        self,
        model: str | Path | ExpressionClassifier = DEFAULT_MODEL,
        *,
        detector: FaceDetector | None = None,
        runtime: str | None = None,
        delegate: str = "cpu",
        threads: int = 1,
        prior: PriorChoice = None,
        limits: QualityLimits = DEFAULT_LIMITS,
        tracking: TrackingSettings | None = None,
        smoothing: SmoothingSettings | None = None,
        max_side: int = MAX_SIDE,
        baseline: str | Baseline | None = None,
        changes: BaselineSettings | None = None,
    ) -> None:
        """Open the model and the face detectors.

        Args:
            model: Name of a shipped model, path of a model file, or an open classifier.
            detector: Face detector for full frames and for windows; None opens two YuNets, one
                with a smaller input for the windows.
            runtime: As in `ExpressionClassifier.load`.
            delegate: As in `ExpressionClassifier.load`.
            threads: CPU threads of the classifier and of YuNet.
            prior: Expected class frequencies, as in `ExpressionClassifier.load`.
            limits: Limits of `FaceQuality.reasons`.
            tracking: Search interval and matching of boxes; None takes the defaults.
            smoothing: Temporal smoothing of the scores; None takes the defaults.
            max_side: As in `YuNet`, for full frames; has no effect on another detector.
            baseline: The persons' own resting faces, for `TrackedFace.change` and `changed_to`:
                "first 3 s" measures each face in its first 3 s with suitable quality, "0-3 s" the
                faces that are seen in the first 3 s of the stream; a `Baseline` is used for every
                face, for streams that show one known person. None leaves both out.
            changes: When an expression counts as a change; None takes the defaults.

        Raises:
            FerError: As `ExpressionClassifier.load` and `YuNet` do.
            InputError: If the baseline is another model's or neither of these forms.
        """
        self._tracking = tracking or TrackingSettings()
        self._smoothing = smoothing or SmoothingSettings()
        self._baseline = baseline
        self._changes = changes or BaselineSettings()
        self._recognizer = ExpressionRecognizer(
            model,
            detector=detector,
            runtime=runtime,
            delegate=delegate,
            threads=threads,
            prior=prior,
            limits=limits,
            max_side=max_side,
        )
        self._window_detector: FaceDetector = (
            open_yunet(runtime, delegate, threads, min_score=WINDOW_MIN_SCORE, max_side=WINDOW_PX)
            if detector is None
            else detector
        )
        try:
            self.reset()
        except InputError:
            self.close()
            raise

    @property
    def classifier(self) -> ExpressionClassifier:
        """The classifier in use."""
        return self._recognizer.classifier

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels of the model, in the order of its outputs."""
        return self._recognizer.labels

    @property
    def baselines(self) -> dict[int, Baseline]:
        """The baseline of each tracked face that has one, by id; dropped with its track."""
        return self._baselines.measured

    def measure_baseline(self, seconds: float = 3.0, *, face_id: int | None = None) -> None:
        """Measure resting faces from the next frame on; `change` is None until that is done.

        Args:
            seconds: Duration, counted from the first suitable frame of each face; above 0, at most
                60.
            face_id: A tracked face; None measures all, and new ones when they appear.

        Raises:
            InputError: If the duration is out of range or the model has no label neutral.
        """
        self._baselines.measure(seconds, face_id)

    def set_baseline(self, face_id: int, baseline: Baseline) -> None:
        """Use the baseline of a known person for one tracked face.

        Raises:
            InputError: If it was measured with another model or prior.
        """
        self._baselines.set(face_id, baseline)

    def reset(self) -> None:
        """Drop all tracks and their baselines: the next frame is the first of a new stream."""
        self._tracker = FaceTracker(self._tracking, max_gap_frames=MAX_GAP_FRAMES)
        self._smoothers: dict[int, Smoother] = {}
        self._baselines = PersonalBaselines(self.classifier, self._baseline, self._changes)
        self._next_index = 0
        self._last_s = -math.inf
        self._unsearched = 0

    def recognize(self, image: NDArray[np.uint8], *, time_s: float, color: Color) -> FrameResult:
        """Process the next frame of the stream.

        Args:
            image: uint8 (height, width, 3), or (height, width) for color="grey"; range [0, 255].
            time_s: When the frame was taken, in seconds; not before the previous frame.
            color: Channel order: "bgr" as OpenCV reads, "rgb" as Pillow does, or "grey".

        Returns:
            The tracked faces of the frame.

        Raises:
            InputError: If the image is of another form, or `time_s` is below the previous frame's.
            RuntimeFailure: If the recognizer is closed.
        """
        check_image(image, color)
        if not (math.isfinite(time_s) and time_s >= self._last_s):
            raise InputError(f"time_s must be finite and at least {self._last_s}, but is {time_s}")
        begin = time.perf_counter()
        found, searched = self._find(to_bgr(image, color), time_s)
        detected = time.perf_counter()
        boxes = [face.box_xyxy for face in found]
        ids = self._tracker.update(boxes, time_s, may_begin=searched)
        pairs = ((i, face) for i, face in zip(ids, found, strict=True) if i is not None)
        faces = dict(sorted(pairs, key=lambda pair: pair[0]))
        tracked = time.perf_counter()
        described = self._recognizer.describe(image, tuple(faces.values()), color=color)
        begin_smoothing = time.perf_counter()
        smoothed = self._smoothed(dict(zip(faces, described, strict=True)), time_s)
        end = time.perf_counter()
        speed_ms = {
            "detect": 1e3 * (detected - begin),
            "track": 1e3 * (tracked - detected),
            **described.speed_ms,
            "smooth": 1e3 * (end - begin_smoothing),
        }
        result = FrameResult(self._next_index, time_s, smoothed, searched, speed_ms)
        self._next_index += 1
        self._last_s = time_s
        return result

    def stream(
        self, frames: Iterable[tuple[float, NDArray[np.uint8]]], *, color: Color
    ) -> Iterator[FrameResult]:
        """Process the frames of a new stream; each result is yielded before the next frame is read.

        Args:
            frames: Time in seconds and image of each, such as a `VideoFile` or a `Camera`.
            color: Channel order of all images; `VideoFile` and `Camera` give "bgr".

        Yields:
            The result of each frame.

        Raises:
            FerError: As `recognize` and `frames` do.
        """
        self.reset()
        for time_s, image in frames:
            yield self.recognize(image, time_s=time_s, color=color)

    def close(self) -> None:
        """Free the model and the detectors; may be called twice."""
        self._recognizer.close()
        self._window_detector.close()

    def _find(self, image_bgr: NDArray[np.uint8], time_s: float) -> tuple[list[Face], bool]:
        """Return the detected faces and whether the full frame was searched.

        Faces found in windows come first, so that the tracker prefers them over the same faces
        found in the full frame: boxes found at two scales differ by a few per cent, and
        alternating between them would make a track's box jump.
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
        """Search a square window around a track, at least `WINDOW_PX` wide."""
        height, width = image_bgr.shape[:2]
        left, top, right, bottom = track.box_xyxy
        side = max(WINDOW_SIZES * max(right - left, bottom - top), WINDOW_PX)
        side = round(min(side, width, height))
        x = round(min(max((left + right - side) / 2, 0), width - side))
        y = round(min(max((top + bottom - side) / 2, 0), height - side))
        found = self._window_detector.detect(image_bgr[y : y + side, x : x + side])
        return [_shifted(face, x, y) for face in found]

    def _smoothed(self, faces: dict[int, RecognizedFace], time_s: float) -> tuple[TrackedFace, ...]:
        """Return the faces, by track id, with their scores smoothed over time."""
        active = {track.id for track in self._tracker.tracks}
        self._baselines.keep(active)
        self._smoothers = {i: s for i, s in self._smoothers.items() if i in active}
        return tuple(self._smooth(number, face, time_s) for number, face in faces.items())

    def _smooth(self, number: int, face: RecognizedFace, time_s: float) -> TrackedFace:
        smoother = self._smoothers.setdefault(number, Smoother(self._smoothing))
        smoother.update(tuple(face.scores.values()), time_s)
        confidence = smoother.probabilities[smoother.label]
        changes = self._baselines.update(number, face, time_s)
        change = None if changes is None else changes.change
        return TrackedFace(
            box_xyxy=face.box_xyxy,
            landmarks=face.landmarks,
            score=face.score,
            label=self.labels[smoother.label],
            confidence=confidence,
            uncertain=confidence < self.classifier.bundle.uncertain_below,
            scores=dict(zip(self.labels, smoother.probabilities, strict=True)),
            quality=face.quality,
            id=number,
            raw_label=face.label,
            raw_scores=face.scores,
            change=None if change is None else dict(zip(self.labels, change, strict=True)),
            changed_to=None if changes is None else changes.changed_to,
        )


def _shifted(face: Face, x: int, y: int) -> Face:
    """Return a face found in a window with coordinates of the frame."""
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
