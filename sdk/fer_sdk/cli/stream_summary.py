"""A summary of a stream: one line per face."""

from collections import Counter
from collections.abc import Iterator

from fer_sdk.results import FrameResult


class StreamSummary:
    """Counts the labels of each face; memory use does not grow with the number of frames."""

    def __init__(self) -> None:
        """Start with no frame."""
        self.frames = 0
        self.faces: dict[int, Counter[str]] = {}
        self._spans: dict[int, tuple[float, float]] = {}
        self._labels: dict[int, str] = {}
        self._changes: Counter[int] = Counter()

    def add(self, result: FrameResult) -> None:
        """Count one frame."""
        self.frames += 1
        for face in result.faces:
            self.faces.setdefault(face.id, Counter())[face.label] += 1
            begin_s, _ = self._spans.get(face.id, (result.time_s, 0.0))
            self._spans[face.id] = begin_s, result.time_s
            self._changes[face.id] += self._labels.get(face.id, face.label) != face.label
            self._labels[face.id] = face.label

    def lines(self) -> Iterator[str]:
        """Yield one line per face, in the order of first appearance."""
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
