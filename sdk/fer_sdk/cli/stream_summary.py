"""What a stream showed, in a line a face."""

from collections import Counter
from collections.abc import Iterator

from fer_sdk.video.recognizer import FrameResult


class StreamSummary:
    """What was shown of each face, as counts that do not grow with the video."""

    def __init__(self) -> None:
        """Begin with no frame."""
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
            began_s, _ = self._spans.get(face.id, (result.time_s, 0.0))
            self._spans[face.id] = began_s, result.time_s
            self._changes[face.id] += self._labels.get(face.id, face.label) != face.label
            self._labels[face.id] = face.label

    def lines(self) -> Iterator[str]:
        """Give one line a face, the first to appear first."""
        for number, labels in self.faces.items():
            began_s, ended_s = self._spans[number]
            shares = ", ".join(
                f"{label} {count / labels.total():.0%}" for label, count in labels.most_common()
            )
            changes = self._changes[number]
            yield (
                f"face {number}, {began_s:.1f} to {ended_s:.1f} s: {shares}; "
                f"{changes} {'change' if changes == 1 else 'changes'}"
            )
