"""Accuracy against latency, with labels placed so that they cover neither each other nor points."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.reports.curves import Curve, curves_of
from fer_bench.reports.figures import (
    FAINT,
    GREY,
    INK,
    PAPER,
    Plot,
    color_of,
    legend_below,
    log_x_axis,
    short_name,
    write_png,
)
from fer_bench.results.schema import BenchmarkResult

PEER_MARKERS: Final = "sD^vPX"
"""Markers that tell other packages apart in the narrow form, which has no labels at the points."""
README_SIZE: Final = (9.0, 4.8)
README_DPI: Final = 100
Box = tuple[float, float, float, float]
"""Left, bottom, right, top in pixels."""
_PADDING: Final = 3
"""Free space around a label, in points."""
_GAPS: Final = (2, 5, 10, 16, 24, 34, 46, 62, 84, 112, 150, 200)
"""Distances between a point and its label, in points, in order of preference."""
_DIRECTIONS: Final = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1))


def draw_accuracy(figure: Any, wide: bool, curves: Sequence[Curve]) -> None:
    """Draw accuracy against median latency, other packages in grey.

    A marker's area grows with the file size; a line leads from the
    median to the 90th percentile; the dotted line is the Pareto front. Models with another
    evaluation protocol than most are left out, because their accuracies are not comparable.
    """
    axis = figure.add_subplot()
    protocol = common_protocol_of(curves)
    shown = [curve for curve in curves if curve.accuracy is not None and curve.protocol == protocol]
    largest = max(curve.size_bytes for curve in shown)
    points = [(curve.percentile_ms(50), curve.accuracy or 0.0) for curve in shown]
    ours = [curve.name for curve in curves if not curve.peer]
    areas, peers = [], 0
    for curve, (ms, accuracy) in zip(shown, points, strict=True):
        color = GREY if curve.peer else color_of(ours.index(curve.name))
        marker = "o"
        if curve.peer and not wide:
            marker, peers = PEER_MARKERS[peers % len(PEER_MARKERS)], peers + 1
        areas.append(40 + 700 * curve.size_bytes / largest)
        axis.plot([ms, curve.percentile_ms(90)], [accuracy] * 2, color=color, lw=1)
        axis.scatter(ms, accuracy, s=areas[-1], color=color, marker=marker, alpha=0.8,
                     edgecolors="none")  # fmt: skip
        if not wide:
            axis.plot([], [], marker, color=color, label=_label(curve, ", "))
    front = pareto(points)
    axis.plot(*zip(*front, strict=True), color=INK, lw=1, ls=":", zorder=0)
    _set_limits(axis, shown, points)
    log_x_axis(axis)
    axis.set(xlabel="inference time of one face, ms: median, line to p90",
             ylabel=f"accuracy, %\n{protocol}")  # fmt: skip
    if wide:
        bars = [[(ms, accuracy), (curve.percentile_ms(90), accuracy)]
                for curve, (ms, accuracy) in zip(shown, points, strict=True)]  # fmt: skip
        labels = [_label(curve, "\n") for curve in shown]
        place_labels(axis, labels, points, areas, [*bars, front])
    else:
        legend_below(axis)


def write_accuracy_latency(result: BenchmarkResult, path: Path) -> None:
    """Write the comparison with other packages as a picture of 900 pixels width.

    Args:
        result: Result of `peers.measure`.
        path: PNG file.

    Raises:
        OutputError: If the file cannot be written.
    """
    curves = curves_of(result.models)

    def draw(figure: Any, wide: bool) -> None:
        draw_accuracy(figure, wide, curves)
        figure.suptitle("Accuracy and inference time of FER SDK (coloured) and other packages "
                        "(grey)", fontsize=11)  # fmt: skip

    plot = Plot("accuracy-latency", "Accuracy against latency", draw)
    write_png(plot, path, size=README_SIZE, dpi=README_DPI)


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the Pareto-optimal points, (milliseconds, accuracy), fastest first.

    No other point is both faster and more accurate than one of these.
    """
    front: list[tuple[float, float]] = []
    for ms, accuracy in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or accuracy > front[-1][1]:
            front.append((ms, accuracy))
    return front


def common_protocol_of(curves: Sequence[Curve]) -> str:
    """Return the protocol of most curves; "" if none has an accuracy."""
    counts = Counter(curve.protocol for curve in curves if curve.accuracy is not None)
    return counts.most_common(1)[0][0] if counts else ""


def place_labels(
    axis: Any,
    labels: Sequence[str],
    points: Sequence[tuple[float, float]],
    areas: Sequence[float],
    lines: Sequence[Sequence[tuple[float, float]]] = (),
) -> None:
    """Annotate points so that no label covers a label, a marker, a line or the edge of the axes.

    Labels are placed one after the other at the nearest free position around their point; one that
    is further away gets a leader line. The limits of the axes must be final.

    Args:
        axis: Axes with the points drawn.
        labels: Text of each point.
        points: Data coordinates of each point.
        areas: Area of each marker, in square points.
        lines: Lines to keep clear, each as data coordinates of its points.
    """
    figure = axis.figure
    figure.draw_without_rendering()  # the layout gives the axes their final size
    pixel = figure.dpi / 72
    centres = axis.transData.transform(points)
    radii = [(area**0.5 / 2 + 1) * pixel for area in areas]
    taken = [(x - r, y - r, x + r, y + r) for (x, y), r in zip(centres, radii, strict=True)]
    for line in lines:
        taken += _boxes_along(axis.transData.transform(line), pixel)
    inside = axis.get_window_extent().extents
    background = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.5}
    for label, point, centre, radius in zip(labels, points, centres, radii, strict=True):
        note = axis.annotate(label, point, fontsize=7.5, ha="center", va="center",
                             textcoords="offset points", xytext=(0, 0), zorder=0.8,
                             bbox=background)  # fmt: skip
        note.set_in_layout(False)
        size = note.get_window_extent()
        half = size.width / 2 + _PADDING * pixel, size.height / 2 + _PADDING * pixel
        for gap, (dx, dy) in _positions(radius, half, pixel):
            x, y = centre[0] + dx, centre[1] + dy
            box = (x - half[0], y - half[1], x + half[0], y + half[1])
            if _within(box, inside) and not any(_overlap(box, other) for other in taken):
                note.set_position((dx / pixel, dy / pixel))
                taken.append(box)
                if gap > _GAPS[1]:
                    _leader(axis, point, (dx / pixel, dy / pixel))
                break


def _positions(
    radius: float, half: tuple[float, float], pixel: float
) -> Iterator[tuple[float, tuple[float, float]]]:
    """Yield gaps and offsets of a label's centre from its point, in pixels, nearest first."""
    for gap, (right, up) in product(_GAPS, _DIRECTIONS):
        away = radius + gap * pixel
        if right and up:
            away *= 0.7
        yield gap, (right * (away + half[0]), up * (away + half[1]))


def _boxes_along(line: NDArray[np.float64], pixel: float) -> list[Box]:
    """Return small squares that cover a line, float64 (points, 2), in pixels."""
    boxes: list[Box] = []
    for start, end in pairwise(line):
        steps = max(2, int(np.abs(end - start).max() / pixel))
        for x, y in np.linspace(start, end, steps):
            boxes.append((x - pixel, y - pixel, x + pixel, y + pixel))
    return boxes


def _leader(axis: Any, point: tuple[float, float], offset: tuple[float, float]) -> None:
    line = axis.annotate("", point, xytext=offset, textcoords="offset points", zorder=0,
                         arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.8})  # fmt: skip
    line.set_in_layout(False)


def _within(box: Box, outer: Sequence[float]) -> bool:
    return box[0] >= outer[0] and box[1] >= outer[1] and box[2] <= outer[2] and box[3] <= outer[3]


def _overlap(box: Box, other: Box) -> bool:
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]


def _set_limits(axis: Any, shown: Sequence[Curve], points: Sequence[tuple[float, float]]) -> None:
    """Set limits with room for labels, and at least five points of accuracy on the y axis."""
    accuracies = [accuracy for _, accuracy in points]
    middle, spread = (max(accuracies) + min(accuracies)) / 2, max(accuracies) - min(accuracies)
    half = max(0.65 * spread, 2.5)
    axis.set_ylim(middle - half, middle + half)
    slowest = max(curve.percentile_ms(90) for curve in shown)
    axis.set_xlim(min(ms for ms, _ in points) / 2.5, slowest * 2.5)


def _label(curve: Curve, separator: str) -> str:
    return f"{short_name(curve.name)}{separator}{curve.size_bytes / 1000:,.0f} kB"
