"""Still faces played as camera streams, switches to a smile, and a video: how steady labels are."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.detectors.yunet import YuNet
from fer_sdk.errors import InputError
from fer_sdk.inputs.capture import VideoFile
from fer_sdk.inputs.images import read_photo
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import RecognizedFace
from fer_sdk.video.baseline import Baseline, BaselineSettings, ChangeTracker, unsmoothed
from fer_sdk.video.recognizer import VideoRecognizer
from fer_sdk.video.smoother import Smoother, SmoothingSettings
from research.baseline_photos import LondonCopies

Image = NDArray[np.uint8]
WAYS: Final = ("raw", "smoothed", "baseline")
FPS: Final = 10.0
SWITCH_FPS: Final = 20.0
SIZE_PX: Final = 320
"""Side of a frame; the face's box covers about half of it."""
BASELINE_S: Final = 3.0
SMILE_S: Final = 1.5
"""How long a smiling photo is shown after the switch."""
NOISE: Final = 4.0
"""Standard deviation of the camera noise, in grey levels."""
SHIFT_PX: Final = 1.5
TURN_DEGREES: Final = 1.0
ZOOM: Final = 0.01
FLICKER: Final = 0.05
"""Standard deviations of a slow random movement, and of the brightness relative to its mean."""


@dataclass(slots=True)
class StillResult:
    """What one model says about the streams.

    Attributes:
        model: Name of the model.
        people: Number of people.
        minutes: Length of all streams of still faces without the time of the baselines.
        changes: Number of changes of the label, and of what the face changed to, by `WAYS`.
        false_rises: How often a still face changed to happy.
        delays_s: Seconds from the switch to a smile until each of `WAYS` says happy, one for each
            person; infinite if it does not within `SMILE_S`.
    """

    model: str
    people: int = 0
    minutes: float = 0.0
    changes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(WAYS, 0))
    false_rises: int = 0
    delays_s: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in WAYS})


def measure_still_faces(
    classifiers: Sequence[ExpressionClassifier],
    folder: Path,
    copies: LondonCopies,
    people: int,
    seconds: float,
    report: Callable[[], object],
) -> list[StillResult]:
    """Play neutral photos with camera noise, small movements and flicker, then a smile.

    Args:
        classifiers: The models.
        folder: Folder of the London set.
        copies: Faces of its people.
        people: Number of people, spread over those of `copies`.
        seconds: Length of the stream of a still face, including the time of the baseline.
        report: Called after each person.
    """
    results = [StillResult(classifier.bundle.path.stem) for classifier in classifiers]
    chosen = np.unique(np.linspace(0, len(copies.people) - 1, people).round().astype(int))
    with captured_native_log():
        detector = YuNet(max_side=SIZE_PX)
    for row in chosen.tolist():
        name = copies.people[row]
        neutral, smiling = (
            _framed(read_photo(folder / "faces" / f"{name}_{kind}.jpg"), copies.boxes[row])
            for kind in ("03", "08")
        )
        rng = np.random.default_rng(row)
        still = list(played(neutral, round(seconds * FPS), FPS, rng))
        begin = round((BASELINE_S + 1) * SWITCH_FPS)
        switch = list(played(neutral, begin, SWITCH_FPS, rng))
        switch += played(smiling, round(SMILE_S * SWITCH_FPS), SWITCH_FPS, rng)
        faces = [[detector.detect(image)[:1] for image in images] for images in (still, switch)]
        for classifier, result in zip(classifiers, results, strict=True):
            recognizer = ExpressionRecognizer(classifier, detector=detector)
            told_still, told_switch = (
                [recognizer.describe(image, found, color="bgr").faces[:1]
                 for image, found in zip(images, detected, strict=True)]
                for images, detected in zip((still, switch), faces, strict=True)
            )  # fmt: skip
            result.people += 1
            labels = _labels(classifier, told_still, FPS)
            result.minutes += len(labels) / FPS / 60
            for number, way in enumerate(WAYS):
                told = [each[number] for each in labels]
                result.changes[way] += count_changes(told)
                if way == "baseline":
                    result.false_rises += sum(
                        before is None and now is not None
                        for before, now in pairwise([None, *told])
                    )
            after = _labels(classifier, told_switch, SWITCH_FPS)[-round(SMILE_S * SWITCH_FPS) :]
            for number, way in enumerate(WAYS):
                delay_s = first_happy([each[number] for each in after], SWITCH_FPS)
                result.delays_s[way].append(delay_s)
        report()
    detector.close()
    return results


def count_changes(labels: Sequence[str | None]) -> int:
    """Return how often a label differs from the one before."""
    return sum(a != b for a, b in pairwise(labels))


def first_happy(labels: Sequence[str | None], fps: float) -> float:
    """Return the seconds until the first happy; infinite if there is none."""
    return next((n / fps for n, label in enumerate(labels) if label == "happy"), float("inf"))


def played(photo: Image, frames: int, fps: float, rng: np.random.Generator) -> Iterator[Image]:
    """Yield frames of a camera that shows a photo.

    Shift, turn, zoom and brightness follow random courses that return to their means within about
    half a second; the noise of each pixel differs from frame to frame.
    """
    height, width = photo.shape[:2]
    bank = NOISE * rng.standard_normal((4, height, width, 3), np.float32)
    keep = np.exp(-1 / (0.5 * fps))
    course = rng.standard_normal(5)
    for number in range(frames):
        course = keep * course + np.sqrt(1 - keep**2) * rng.standard_normal(5)
        matrix = cv2.getRotationMatrix2D(
            (width / 2, height / 2), TURN_DEGREES * course[0], 1 + ZOOM * course[1]
        )
        matrix[:, 2] += SHIFT_PX * course[2:4]
        moved = cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        noise = np.roll(bank[number % 4], int(rng.integers(width)), axis=1)
        light = 1 + FLICKER * course[4]
        yield np.clip(np.rint(moved * np.float32(light) + noise), 0, 255).astype(np.uint8)


def _framed(photo: Image, box: NDArray[np.float64]) -> Image:
    """Cut a square of twice the face's box and resize it to `SIZE_PX`."""
    left, top, right, bottom = box
    half = max(right - left, bottom - top)
    corners = np.array([[left + right - 2 * half, top + bottom - 2 * half]]) / 2
    x, y = corners[0]
    scale = SIZE_PX / (2 * half)
    matrix = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])
    edge = cv2.BORDER_REPLICATE
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(
        cv2.warpAffine(photo, matrix, (SIZE_PX, SIZE_PX), flags=way, borderMode=edge), np.uint8
    )


def _labels(
    classifier: ExpressionClassifier, told: Sequence[Sequence[RecognizedFace]], fps: float
) -> list[tuple[str, str, str | None]]:
    """Return raw label, smoothed label and change of each frame after the baseline's time."""
    labels = classifier.bundle.labels
    first = round(BASELINE_S * fps)
    baseline = Baseline.from_faces((f for faces in told[:first] for f in faces), classifier)
    smoother = Smoother(SmoothingSettings())
    tracker = ChangeTracker(baseline, BaselineSettings())
    found = []
    for number, faces in enumerate(told):
        for face in faces:
            scores, time_s = unsmoothed(face, labels), number / fps
            smoother.update(scores, time_s)
            tracker.update(scores, time_s, suitable=tracker.suits(face.quality))
            if number >= first:
                found.append((face.label, labels[smoother.label], tracker.changed_to))
    return found


@dataclass(frozen=True, slots=True)
class VideoResult:
    """What one model says about a video of one person.

    Attributes:
        model: Name of the model.
        minutes: Time with a face, after the baseline.
        changes: Number of changes by `WAYS`.
        happy_s: When the first run of happy begins that lasts at least half a second, by `WAYS`;
            infinite if there is none.
        baseline: The baseline of the person.
    """

    model: str
    minutes: float
    changes: dict[str, int]
    happy_s: dict[str, float]
    baseline: Baseline


def measure_video(model: Path, path: Path) -> VideoResult:
    """Track the person of a video, whose first `BASELINE_S` seconds are the baseline.

    Raises:
        InputError: If there is no baseline, or the video cannot be read.
    """
    with captured_native_log():
        recognizer = VideoRecognizer(model, baseline=f"first {BASELINE_S:g} s")
    times_s: list[float] = []
    told: dict[str, list[str | None]] = {way: [] for way in WAYS}
    baselines: list[Baseline] = []
    with recognizer, VideoFile(path) as video:
        for result in recognizer.stream(video, color="bgr"):
            baselines = list(recognizer.baselines.values()) or baselines
            for face in result.faces[:1]:
                if face.id in recognizer.baselines:
                    times_s.append(result.time_s)
                    for way, label in zip(
                        WAYS, (face.raw_label, face.label, face.changed_to), strict=True
                    ):
                        told[way].append(label)
    if not baselines:
        raise InputError(f"{path} has no suitable face for {BASELINE_S:g} s")
    return VideoResult(
        ModelBundle.load(model).path.stem,
        (times_s[-1] - times_s[0]) / 60,
        {way: count_changes(labels) for way, labels in told.items()},
        {way: lasting_happy(times_s, labels) for way, labels in told.items()},
        baselines[0],
    )


def lasting_happy(times_s: Sequence[float], labels: Sequence[str | None], least_s: float = 0.5
                  ) -> float:  # fmt: skip
    """Return when the first run of happy of at least `least_s` begins; infinite without one."""
    begin_s = float("inf")
    for time_s, label in zip(times_s, labels, strict=True):
        begin_s = min(begin_s, time_s) if label == "happy" else float("inf")
        if time_s - begin_s >= least_s - 1e-9:
            return begin_s
    return float("inf")
