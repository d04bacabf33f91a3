"""The baselines of the faces of one stream, measured or given, by track id."""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import InputError, shown
from fer_sdk.results import RecognizedFace
from fer_sdk.video.baseline import (
    MIN_FACES,
    Baseline,
    BaselineCollector,
    BaselineSettings,
    ChangeTracker,
    unsmoothed,
)

MAX_SECONDS: Final = 60.0
"""Longest time over which a baseline is measured, which limits the memory."""

_FIRST: Final = re.compile(r"first (\d+(?:\.\d+)?) s")
_FROM_TO: Final = re.compile(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?) s")


@dataclass(frozen=True, slots=True)
class BaselineSpan:
    """When resting faces are measured.

    Attributes:
        seconds: Length of the measurement, above 0, at most `MAX_SECONDS`.
        begin_s: Time of the stream at which it begins; None measures each face from its first
            suitable frame.
    """

    seconds: float
    begin_s: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= MAX_SECONDS:
            raise InputError(
                f"a baseline takes more than 0 and at most {MAX_SECONDS:g} s, "
                f"but {self.seconds:g} s are wanted"
            )

    @classmethod
    def parse(cls, text: str) -> "BaselineSpan":
        """Read "first 3 s" (of each face) or "0-3 s" (of the stream).

        Raises:
            InputError: If the text is neither, or the length is out of range.
        """
        if found := _FIRST.fullmatch(text):
            return cls(float(found[1]))
        if found := _FROM_TO.fullmatch(text):
            begin_s, end_s = map(float, found.groups())
            return cls(end_s - begin_s, begin_s)
        raise InputError(
            f"a baseline must be a Baseline, 'first 3 s' or '0-3 s', but is {shown(text)!r}"
        )


@dataclass(slots=True)
class _Measurement:
    """A baseline that is being measured."""

    span: BaselineSpan
    collector: BaselineCollector
    first_s: float = math.inf
    """When the first suitable face was added."""

    def add(self, face: RecognizedFace, time_s: float) -> None:
        begin_s = self.span.begin_s
        inside = begin_s is None or begin_s <= time_s <= begin_s + self.span.seconds
        if inside and self.collector.add(face):
            self.first_s = min(self.first_s, time_s)

    def complete(self, time_s: float) -> bool:
        """Return whether the time is over and faces were found."""
        begin_s = self.span.begin_s
        if begin_s is not None:
            return time_s > begin_s + self.span.seconds and self.collector.faces > 0
        return time_s - self.first_s >= self.span.seconds and self.collector.faces >= MIN_FACES


class PersonalBaselines:
    """Measures or holds the baseline of each face, and its change from it; in memory only."""

    def __init__(
        self,
        classifier: ExpressionClassifier,
        wanted: str | Baseline | None,
        settings: BaselineSettings,
    ) -> None:
        """Start without a face.

        Args:
            classifier: The classifier of the scores.
            wanted: As the argument `baseline` of `VideoRecognizer`.
            settings: When an expression counts as a change.

        Raises:
            InputError: If `wanted` is neither, the baseline is another model's, or the model lacks
                the label neutral or one of the settings.
        """
        self._classifier = classifier
        self._settings = settings
        self._span: BaselineSpan | None = None
        self._given: Baseline | None = None
        self._measurements: dict[int, _Measurement] = {}
        self._trackers: dict[int, ChangeTracker] = {}
        if isinstance(wanted, Baseline):
            wanted.check_fits(classifier)
            ChangeTracker(wanted, settings)  # checks the labels
            self._given = wanted
        elif wanted is not None:
            BaselineCollector(classifier)  # checks the labels
            self._check_labels()
            self._span = BaselineSpan.parse(wanted)

    @property
    def measured(self) -> dict[int, Baseline]:
        """The baseline of each tracked face that has one, by id."""
        return {number: tracker.baseline for number, tracker in self._trackers.items()}

    def measure(self, seconds: float, face_id: int | None) -> None:
        """Measure the baseline of one face, or of all, again from the next frame on.

        Raises:
            InputError: If the length is out of range or the model lacks a label.
        """
        span = BaselineSpan(seconds)
        collector = BaselineCollector(self._classifier)
        self._check_labels()
        if face_id is None:
            self._span, self._given = span, None
            self._measurements.clear()
            self._trackers.clear()
        else:
            self._trackers.pop(face_id, None)
            self._measurements[face_id] = _Measurement(span, collector)

    def set(self, face_id: int, baseline: Baseline) -> None:
        """Use a baseline of a known person for one face.

        Raises:
            InputError: If the baseline is another model's or lacks a label of the settings.
        """
        baseline.check_fits(self._classifier)
        self._trackers[face_id] = ChangeTracker(baseline, self._settings)
        self._measurements.pop(face_id, None)

    def keep(self, ids: Collection[int]) -> None:
        """Forget the faces whose track has ended."""
        self._measurements = {i: m for i, m in self._measurements.items() if i in ids}
        self._trackers = {i: t for i, t in self._trackers.items() if i in ids}

    def update(self, face_id: int, face: RecognizedFace, time_s: float) -> ChangeTracker | None:
        """Add the face of a frame; returns its changes, or None while it has no baseline."""
        tracker = self._trackers.get(face_id) or self._new_tracker(face_id, face, time_s)
        if tracker is not None:
            scores = unsmoothed(face, self._classifier.bundle.labels)
            tracker.update(scores, time_s, suitable=tracker.suits(face.quality))
        return tracker

    def _new_tracker(
        self, face_id: int, face: RecognizedFace, time_s: float
    ) -> ChangeTracker | None:
        baseline = self._given
        measurement = self._measurements.get(face_id)
        if measurement is None and baseline is None and self._span is not None:
            measurement = _Measurement(self._span, BaselineCollector(self._classifier))
            self._measurements[face_id] = measurement
        if measurement is not None:
            measurement.add(face, time_s)
            if not measurement.complete(time_s):
                return None
            baseline = measurement.collector.baseline()
            del self._measurements[face_id]
        if baseline is None:
            return None
        self._trackers[face_id] = ChangeTracker(baseline, self._settings)
        return self._trackers[face_id]

    def _check_labels(self) -> None:
        labels = self._classifier.bundle.labels
        unknown = [label for label in self._settings.labels if label not in labels]
        if unknown:
            raise InputError(f"the model has no label {unknown[0]}: it has {', '.join(labels)}")
