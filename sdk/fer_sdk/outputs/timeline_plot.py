"""Plots of expression over time from the files of `fer video` and the sinks."""

import csv
import json
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk.errors import InputError, shown
from fer_sdk.outputs.rows import columns, rows
from fer_sdk.outputs.sinks import SCHEMA

COLORS: Final = {
    "angry": "#d62728", "disgust": "#8c8c2b", "fear": "#7b52ab", "happy": "#f2b01e",
    "sad": "#2f6fb3", "surprise": "#f27f3d", "neutral": "#b5b9bf",
}  # fmt: skip
OTHER_COLORS: Final = ("#1b998b", "#e26d9a", "#5c4033", "#4f772d", "#222222")
"""Colours of labels that are not FER2013's."""

NO_CHANGE_COLOR: Final = "#e4e6e9"
"""Of the band that shows changes from a baseline, where there is none."""
NEGATIVE_COLOR: Final = "#6b7280"
"""Of negative valence; positive valence has the colour of happy."""

FACES_AT_MOST: Final = 8
GAP_S: Final = 0.5
GAP_FRAMES: Final = 2.5
"""A face that is not detected for longer, in seconds and in frames, leaves a gap in the plot."""


@dataclass(frozen=True, slots=True)
class FaceTimeline:
    """The labels and scores of one face, one entry per frame.

    Attributes:
        id: `TrackedFace.id`.
        times_s: Seconds, ascending.
        labels: Smoothed label.
        scores: Smoothed scores, one tuple per frame, in the order of the model's labels.
        changes: What the face changed to from its own baseline, "" for no change, or None for a
            frame without a baseline; one per frame, or empty.
        valence: Smoothed valence, one per frame, or empty for a model that has none.
    """

    id: int
    times_s: tuple[float, ...]
    labels: tuple[str, ...]
    scores: tuple[tuple[float, ...], ...]
    changes: tuple[str | None, ...] = ()
    valence: tuple[float, ...] = ()

    @property
    def with_baseline(self) -> bool:
        """Whether any frame has a baseline."""
        return any(change is not None for change in self.changes)


def read_timelines(path: str | Path) -> tuple[tuple[str, ...], list[FaceTimeline]]:
    """Read a file that `fer video` or a sink wrote.

    Args:
        path: .csv, .json, .jsonl or .parquet file.

    Returns:
        The model's labels, and the faces in descending order of their number of frames.

    Raises:
        InputError: If the file is missing, damaged, of another kind or has no face.
        MissingDependencyError: If it is a Parquet file and pyarrow is not installed.
    """
    path = Path(path)
    readers = {
        ".csv": _read_csv,
        ".json": _read_json,
        ".jsonl": _read_json_lines,
        ".parquet": _read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"{path} must be a .csv, .json, .jsonl or .parquet file from fer video")
    try:
        labels, found = reader(path)
        entries: dict[int, list[Any]] = defaultdict(list)
        for row in found:
            scores = tuple(float(row[f"scores_{label}"]) for label in labels)
            entry = float(row["time_s"]), str(row["label"]), scores, _change(row, labels)
            entries[int(row["id"])].append((*entry, row["valence"]))
    except FileNotFoundError as error:
        raise InputError(f"no file at {path}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a file of fer video: {shown(repr(error), 200)}") from error
    if not entries:
        raise InputError(f"{path} has no face")
    faces = [_timeline(number, values) for number, values in entries.items()]
    return labels, sorted(faces, key=lambda face: -len(face.times_s))


def _change(row: dict[str, Any], labels: tuple[str, ...]) -> str | None:
    """Return the change of a row: a label, "" for none, or None without a baseline."""
    if row[f"change_{labels[0]}"] in ("", None):
        return None
    return str(row["changed_to"] or "")


def _timeline(number: int, entries: list[Any]) -> FaceTimeline:
    times_s, names, scores, changes, valence = zip(*entries, strict=True)
    known = all(value not in ("", None) for value in valence)
    return FaceTimeline(
        number, times_s, names, scores, changes, tuple(map(float, valence)) if known else ()
    )


def draw_timeline(path: str | Path, labels: tuple[str, ...], faces: list[FaceTimeline]) -> None:
    """Plot each face's smoothed scores over time as a stacked area, its label as a bar above.

    A second bar above shows the changes from the person's baseline, if there is one, and a panel
    below the smoothed valence.

    Args:
        path: Picture to write: .png, .svg or .pdf.
        labels: The model's labels.
        faces: At least one; the first `FACES_AT_MOST` are drawn, in the order of their ids.

    Raises:
        MissingDependencyError: If Matplotlib is not installed.
        InputError: If the suffix is another.
        OutputError: If the picture cannot be written.
    """
    path = Path(path)
    require("plot", "drawing a timeline", "matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    drawn = sorted(faces[:FACES_AT_MOST], key=lambda face: face.id)
    colors = _colors(labels)
    step_s = _step_s(drawn)
    ratios = [ratio for face in drawn for ratio in ((4, 1) if face.valence else (4,))]
    figure = Figure(figsize=(10, 1.2 + 0.6 * sum(ratios)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(ratios), 1, sharex=True, squeeze=False, height_ratios=ratios)[:, 0]
    left = iter(axes)
    for face in drawn:
        _draw_face(next(left), face, labels, colors, step_s)
        if face.valence:
            _draw_valence(next(left), face, step_s)
    begin_s = min(face.times_s[0] for face in drawn)
    end_s = max(face.times_s[-1] for face in drawn) + step_s
    axes[-1].set_xlim(begin_s, end_s if end_s > begin_s else begin_s + 1)
    axes[-1].set_xlabel("seconds")
    hidden = len(faces) - len(drawn)
    if hidden:
        axes[-1].set_xlabel(f"seconds ({hidden} more faces with fewer frames are not drawn)")
    figure.legend(
        handles=[Patch(color=colors[label], label=label) for label in reversed(labels)],
        loc="outside right upper", frameon=False,
    )  # fmt: skip
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InputError(f"{path} must end in .png, .svg or .pdf")
    with write_beside(path) as temporary:
        figure.savefig(temporary, dpi=150)


def _draw_face(
    axis: Any,
    face: FaceTimeline,
    labels: tuple[str, ...],
    colors: dict[str, str],
    step_s: float,
) -> None:
    top = 1.36 if face.with_baseline else 1.2
    for start, end in _unbroken(face.times_s, step_s):
        # The last frame is shown for one step: a range of one frame would have no width else.
        times_s = (*face.times_s[start:end], face.times_s[end - 1] + step_s)
        shares = list(zip(*face.scores[start:end], face.scores[end - 1], strict=True))
        axis.stackplot(times_s, shares, colors=[colors[n] for n in labels])
        for first, last in _runs(face.labels, start, end):
            left, right = times_s[first - start], times_s[last - start]
            axis.broken_barh([(left, right - left)], (1.04, 0.12), color=colors[face.labels[first]])
            axis.axvline(left, ymax=1 / top, color="white", linewidth=0.6)
        for first, last in _runs(face.changes, start, end) if face.with_baseline else ():
            change = face.changes[first]
            if change is not None:
                left, right = times_s[first - start], times_s[last - start]
                color = colors.get(change, NO_CHANGE_COLOR)
                axis.broken_barh([(left, right - left)], (1.2, 0.12), color=color)
    axis.set(ylim=(0, top), yticks=[0, 0.5, 1], ylabel="score")
    axis.margins(x=0)
    axis.spines[["top", "right"]].set_visible(False)
    above = (
        "change from the baseline and smoothed label" if face.with_baseline else "smoothed label"
    )
    axis.set_title(f"face {face.id}; {above} above", loc="left", fontsize=10)


def _draw_valence(axis: Any, face: FaceTimeline, step_s: float) -> None:
    for start, end in _unbroken(face.times_s, step_s):
        times_s = (*face.times_s[start:end], face.times_s[end - 1] + step_s)
        values = (*face.valence[start:end], face.valence[end - 1])
        for color, sign in ((COLORS["happy"], 1), (NEGATIVE_COLOR, -1)):
            part = [sign * max(sign * value, 0.0) for value in values]
            axis.fill_between(times_s, part, color=color, linewidth=0)
        axis.plot(times_s, values, color="black", linewidth=0.6)
    axis.axhline(0, color="black", linewidth=0.4)
    axis.set(ylim=(-1, 1), yticks=[-1, 0, 1], ylabel="valence")
    axis.spines[["top", "right"]].set_visible(False)


def _step_s(faces: list[FaceTimeline]) -> float:
    """Return the median time between two frames with the same face; 0 without any."""
    steps = sorted(b - a for face in faces for a, b in pairwise(face.times_s))
    return steps[len(steps) // 2] if steps else 0.0


def _unbroken(times_s: tuple[float, ...], step_s: float) -> list[tuple[int, int]]:
    """Return start and end of each range of frames without a gap."""
    longest_s = max(GAP_S, GAP_FRAMES * step_s)
    breaks = [n for n in range(1, len(times_s)) if times_s[n] - times_s[n - 1] > longest_s]
    return list(zip([0, *breaks], [*breaks, len(times_s)], strict=True))


def _runs(labels: tuple[str | None, ...], start: int, end: int) -> list[tuple[int, int]]:
    """Return start and end of each range of one label between start and end."""
    changes = [n for n in range(start + 1, end) if labels[n] != labels[n - 1]]
    return list(zip([start, *changes], [*changes, end], strict=True))


def _colors(labels: tuple[str, ...]) -> dict[str, str]:
    others = [label for label in labels if label not in COLORS]
    more = {label: OTHER_COLORS[n % len(OTHER_COLORS)] for n, label in enumerate(others)}
    return {label: COLORS.get(label) or more[label] for label in labels}


def _read_csv(path: Path) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        return _labels_of(reader.fieldnames or []), list(reader)


def _read_parquet(path: Path) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    require("parquet", "reading Parquet", "pyarrow")
    from pyarrow import parquet

    table = parquet.read_table(path)
    return _labels_of(table.column_names), table.to_pylist()


def _labels_of(names: Any) -> tuple[str, ...]:
    prefix = "scores_"
    labels = tuple(name[len(prefix) :] for name in names if name.startswith(prefix))
    if list(names) != list(columns("frames", labels)):
        raise ValueError(f"its columns are {shown(list(names))}")
    return labels


def _read_json(path: Path) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    text = json.loads(path.read_text(encoding="utf-8-sig"))
    if text["schema"] != SCHEMA:
        raise ValueError(f"schema {text['schema']}, not {SCHEMA}")
    return tuple(text["labels"]), [row for frame in text["frames"] for row in rows(frame)]


def _read_json_lines(path: Path) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    frames = [json.loads(line) for line in lines if line.strip()]
    labels = next((tuple(face["scores"]) for frame in frames for face in frame["faces"]), ())
    return labels, [row for frame in frames for row in rows(frame)]
