"""A summary of a stream: one line per face."""

from collections import Counter
from collections.abc import Iterator

from fer_sdk.results import FrameResult
from fer_sdk.video.baseline import Baseline


class StreamSummary:
    """Counts the labels of each face; memory use does not grow with the number of frames."""

    def __init__(self, *, with_baselines: bool = False) -> None:
        """Start with no frame.

        Args:
            with_baselines: Whether a line per face says what its baseline and its changes are.
        """
        self.frames = 0
        self.faces: dict[int, Counter[str]] = {}
        self._spans: dict[int, tuple[float, float]] = {}
        self._labels: dict[int, str] = {}
        self._changes: Counter[int] = Counter()
        self._with_baselines = with_baselines
        self._baselines: dict[int, Baseline] = {}
        self._changed: dict[int, Counter[str | None]] = {}

    def add(self, result: FrameResult, baselines: dict[int, Baseline] | None = None) -> None:
        """Count one frame.

        Args:
            result: The frame.
            baselines: `VideoRecognizer.baselines` at this frame.
        """
        self.frames += 1
        self._baselines |= baselines or {}
        for face in result.faces:
            self.faces.setdefault(face.id, Counter())[face.label] += 1
            begin_s, _ = self._spans.get(face.id, (result.time_s, 0.0))
            self._spans[face.id] = begin_s, result.time_s
            self._changes[face.id] += self._labels.get(face.id, face.label) != face.label
            self._labels[face.id] = face.label
            if face.change is not None:
                self._changed.setdefault(face.id, Counter())[face.changed_to] += 1

    def lines(self) -> Iterator[str]:
        """Yield the lines of each face, in the order of first appearance."""
        for number, labels in self.faces.items():
            begin_s, end_s = self._spans[number]
            shares = ", ".join(
                f"{label} {count / labels.total():.0%}" for label, count in labels.most_common()
            )
            changes = self._changes[number]
            yield (
                f"face {number}, {begin_s:.1f} to {end_s:.1f} s: {shares}; "
                f"{changes} {'change' if changes == 1 else 'changes'}"
            )
            if self._with_baselines:
                yield self._baseline_line(number)

    def _baseline_line(self, number: int) -> str:
        baseline = self._baselines.get(number)
        if baseline is None:
            return f"face {number} has no baseline: too few suitable images in the time for it"
        sure = "sure" if baseline.sure else f"unsure ({'; '.join(baseline.reasons)})"
        found = self._changed.get(number, Counter())
        frames = found.total()
        shares = ", ".join(
            f"changed to {label} in {count / frames:.0%} of {frames} frames"
            for label, count in found.most_common()
            if label is not None
        )
        return (
            f"face {number}, baseline of {baseline.faces} images, {sure}: "
            f"{shares or f'no change in {frames} frames'}"
        )
