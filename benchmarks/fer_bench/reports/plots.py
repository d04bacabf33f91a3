"""Pictures of a result, each drawn once: as PNG, and as SVG whose colours follow the page."""

import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np

from fer_bench.reports.text import memory_over_bare_mb
from fer_bench.results.schema import BenchmarkResult, ModelResult, main_protocol
from fer_sdk._internal.files import write_beside

mpl.use("Agg")
from matplotlib import pyplot as plt

INK, FAINT, GREY = "#1f2937", "#d1d5db", "#9ca3af"
COLORS: Final = (
    "#2563eb", "#ea580c", "#059669", "#9333ea", "#db2777", "#0891b2", "#ca8a04", "#65a30d",
)  # fmt: skip
PAGE_COLORS: Final = {INK: "var(--ink)", FAINT: "var(--faint)", GREY: "var(--grey)"}
"""What the page sets for light and dark; the others are readable on both."""
WIDE, NARROW = (8.0, 4.4), (3.7, 3.7)
"""Inches; a phone gets the narrow drawing, at the same size of letters."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture that can be drawn at any size.

    Attributes:
        name: Of its file.
        title: Above it.
        draw: Draws into a figure; told whether it is the wide form.
        rows: Bars in it, for its height; 0 for a picture of the usual height.
    """

    name: str
    title: str
    draw: Callable[[Any, bool], None]
    rows: int = 0


def plots_of(result: BenchmarkResult, peers: BenchmarkResult | None) -> list[Plot]:
    """Return the pictures for which there are numbers."""
    ours = [row for row in result.models if not row.peer]
    others = [] if peers is None else [row for row in peers.models if row.peer]
    found = []
    if any(row.accuracy for row in ours):
        found.append(
            Plot("accuracy", "Accuracy against latency", lambda f, w: _trade(f, w, ours, others))
        )
        found.append(Plot("calibration", "Calibration", lambda f, w: _calibration(f, w, ours)))
    timed = [row for row in ours if row.latency is not None]
    found.append(Plot("latency", "Latency of single faces", lambda f, w: _latency(f, w, timed)))
    remembered = [row for row in (*ours, *others) if memory_over_bare_mb(row) is not None]
    if remembered:
        found.append(
            Plot("memory", "Memory", lambda f, w: _memory(f, w, remembered), len(remembered))
        )
    if any(row.operators for row in ours):
        profiled = [row for row in ours if row.operators]
        found.append(
            Plot("operators", "Time by operator", lambda f, w: _operators(f, w, profiled),
                 len(profiled))
        )  # fmt: skip
    staged = [row for row in ours if row.end_to_end]
    if staged:
        bars = sum(len(row.end_to_end) for row in staged)
        found.append(Plot("stages", "End to end", lambda f, w: _stages(f, w, staged), bars))
    if any(row.sustained for row in ours):
        found.append(Plot("sustained", "Sustained run", lambda f, w: _sustained(f, w, ours)))
    return found


def write_png(plot: Plot, path: Path) -> None:
    """Write the wide form as a picture."""
    figure = _figure(plot, wide=True)
    try:
        with write_beside(path) as temporary:
            figure.savefig(temporary, dpi=110)
    finally:
        plt.close(figure)


def as_svg(plot: Plot, *, wide: bool) -> str:
    """Return one form as SVG for a page that sets the variables of `PAGE_COLORS`."""
    stream = io.StringIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": f"{plot.name}-{wide}"}
    with mpl.rc_context(settings):
        figure = _figure(plot, wide=wide)
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
        plt.close(figure)
    _, _, svg = stream.getvalue().partition("<svg")
    for color, variable in PAGE_COLORS.items():
        svg = svg.replace(color, variable)
    kind = "wide" if wide else "narrow"
    return f'<svg class="{kind}" role="img" aria-label="{plot.title}"{svg}'


def _figure(plot: Plot, *, wide: bool) -> Any:
    width, height = WIDE if wide else NARROW
    if plot.rows:
        height = max(1.9, (0.45 if wide else 0.5) * plot.rows + 1.4)
    style: Any = {
        "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": FAINT, "xtick.color": INK,
        "ytick.color": INK, "grid.color": FAINT, "font.size": 9 if wide else 8,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
        "axes.axisbelow": True, "axes.facecolor": "none",
    }  # fmt: skip
    with mpl.rc_context(style):
        figure = plt.figure(figsize=(width, height), layout="constrained")
        plot.draw(figure, wide)
    return figure


def short(name: str) -> str:
    """Return a model's name without its suffix."""
    return name.removesuffix(".tflite").removesuffix(".onnx")


def _broken(name: str) -> str:
    """Return a name in lines, broken at its dashes and blanks, for a narrow axis."""
    lines = [""]
    for part in short(name).replace("-", "-\0").replace(" ", " \0").split("\0"):
        if len(lines[-1]) + len(part) > 14 and lines[-1]:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _color(number: int) -> str:
    return COLORS[number % len(COLORS)]


def _trade(
    figure: Any, wide: bool, ours: Sequence[ModelResult], peers: Sequence[ModelResult]
) -> None:
    """Draw accuracy against median time, a bubble's area by bytes, grey for peers.

    Only of what most of ours are scored by: an accuracy on other labels does not compare.
    """
    axis = figure.add_subplot()
    protocol = main_protocol(ours)
    shown = [
        row
        for row in (*peers, *ours)
        if row.latency is not None and row.accuracy and row.accuracy[0].protocol == protocol
    ]
    points = {}
    for row in shown:
        assert row.latency is not None
        points[row.name] = (
            row.latency.percentile_ms(50), 100 * row.accuracy[0].headline.accuracy,
        )  # fmt: skip
    largest = max(row.size_bytes for row in shown)
    accuracies = [accuracy for _, accuracy in points.values()]
    middle, spread = (max(accuracies) + min(accuracies)) / 2, max(accuracies) - min(accuracies)
    for row in shown:
        ms, accuracy = points[row.name]
        assert row.latency is not None
        color = GREY if row.peer else _color(ours.index(row))
        axis.plot([ms, row.latency.percentile_ms(90)], [accuracy] * 2, color=color, lw=1)
        area, size = 60 + 1400 * row.size_bytes / largest, f"{row.size_bytes / 1000:,.0f} kB"
        axis.scatter(ms, accuracy, s=area, color=color, alpha=0.7, edgecolors="none")
        if row.peer:
            below, away = accuracy < middle, 4 + area**0.5 / 2
            axis.annotate(
                f"{_broken(row.name)}\n{size}", (ms, accuracy), fontsize=7, ha="center",
                va="bottom" if below else "top", textcoords="offset points",
                xytext=(0, away if below else -away),
            )  # fmt: skip
        else:  # they lie close: names beside them would cover each other
            axis.plot([], [], "o", color=color, alpha=0.7, label=f"{short(row.name)}, {size}")
    front = pareto(list(points.values()))
    axis.plot(*zip(*front, strict=True), color=INK, lw=1, ls=":", zorder=0)
    _log_axis(axis)
    low = min(ms for ms, _ in points.values())
    high = max(row.latency.percentile_ms(90) for row in shown if row.latency is not None)
    axis.set_xlim(low / 2.2, high * 2)
    half = max(0.8 * spread, 2.5)  # or tenths of a point look large
    axis.set_ylim(middle - half, middle + half)
    own = shown[-1].accuracy[0]
    subset = "" if own.deduplicated is None else "clean "
    axis.set(xlabel="ms a face, median (line: to p90); dotted: Pareto front",
             ylabel=f"accuracy on {subset}{own.protocol}, %")  # fmt: skip
    _legend(axis)


def pareto(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that none beats in both: less time and more accuracy, fastest first."""
    front: list[tuple[float, float]] = []
    for ms, accuracy in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or accuracy > front[-1][1]:
            front.append((ms, accuracy))
    return front


def _calibration(figure: Any, wide: bool, ours: Sequence[ModelResult]) -> None:
    """Draw accuracy against confidence, bins with at least ten faces."""
    axis = figure.add_subplot()
    axis.plot([0, 1], [0, 1], color=INK, ls=":", lw=1)
    for number, row in enumerate(ours):
        if not row.accuracy:
            continue
        bins = [b for b in row.accuracy[0].reliability if b.faces >= 10]
        error = row.accuracy[0].headline.calibration_error
        axis.plot(
            [b.confidence for b in bins], [b.accuracy for b in bins], "o-", ms=3, lw=1.2,
            color=_color(number), label=f"{short(row.name)}, error {error:.3f}",
        )  # fmt: skip
    axis.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axis.set_aspect("equal" if not wide else "auto")
    _legend(axis)


def _latency(figure: Any, wide: bool, timed: Sequence[ModelResult]) -> None:
    """Draw which share of the faces took no more than so long."""
    axis = figure.add_subplot()
    for number, row in enumerate(timed):
        assert row.latency is not None
        shares = np.linspace(0, 100, 201)
        axis.plot(
            np.percentile(row.latency.all_ms, shares), shares, color=_color(number), lw=1.4,
            label=short(row.name),
        )  # fmt: skip
    for percent in (50, 90, 99):
        axis.axhline(percent, color=INK, lw=0.6, ls=":")
    _log_axis(axis)
    axis.set_yticks([0, 25, 50, 75, 90, 99])
    axis.set(xlabel="ms a face", ylabel="share of the faces, %", ylim=(0, 102))
    _legend(axis)


def _memory(figure: Any, wide: bool, rows: Sequence[ModelResult]) -> None:
    """Draw peak memory over a bare process."""
    axis = figure.add_subplot()
    values = [memory_over_bare_mb(row) or 0 for row in rows]
    ours = [row for row in rows if not row.peer]
    colors = [GREY if row.peer else _color(ours.index(row)) for row in rows]
    names = [short(row.name) if wide else _broken(row.name) for row in rows]
    bars = axis.barh(range(len(rows)), values, color=colors, height=0.6)
    axis.bar_label(bars, [f" {value:.0f} MB" for value in values], color=INK)
    axis.set_yticks(range(len(rows)), names)
    axis.invert_yaxis()
    axis.margins(x=0.2)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("peak memory over a bare process, MB")


def _operators(figure: Any, wide: bool, rows: Sequence[ModelResult]) -> None:
    """Draw the time of a face, one segment an operator, coloured by kind."""
    axis = figure.add_subplot()
    totals: dict[str, float] = defaultdict(float)
    for row in rows:
        for operator in row.operators:
            totals[_family(operator.kind)] += operator.microseconds
    kinds = sorted(totals, key=lambda kind: -totals[kind])[: len(COLORS)]
    for place, row in enumerate(rows):
        left = 0.0
        for operator in row.operators:
            kind = _family(operator.kind)
            axis.barh(
                place, operator.microseconds, left=left, height=0.6, edgecolor=FAINT, lw=0.7,
                color=_color(kinds.index(kind)) if kind in kinds else GREY,
            )  # fmt: skip
            left += operator.microseconds
    for kind in kinds:
        if totals[kind] > 0:
            axis.barh(0, 0, color=_color(kinds.index(kind)), label=kind)
    names = [short(row.name) if wide else _broken(row.name) for row in rows]
    axis.set_yticks(range(len(rows)), names)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("microseconds a face, one thread")
    figure.legend(loc="outside lower center", ncols=4 if wide else 2, frameon=False, fontsize=7)


def _family(kind: str) -> str:
    """Return an operator's kind without layout and kernel: "Convolution"."""
    return kind.partition(" (")[0].replace("_", " ").capitalize()


def _stages(figure: Any, wide: bool, rows: Sequence[ModelResult]) -> None:
    """Draw the stages from photo to expression, stacked."""
    axis = figure.add_subplot()
    found = [(row, one) for row in rows for one in row.end_to_end]
    names, left = [], np.zeros(len(found))
    for row, one in found:
        size = "x".join(map(str, one.detection_wh)) if one.detection_wh else "own size"
        text = f"{one.source}, {short(row.name)}"
        names.append(f"{text}\nsearched at {size}" if wide else f"{_broken(row.name)}\n{size}")
    for number, stage in enumerate(("decode", "detect", "crop", "classify")):
        widths = np.array([np.median(one.stages_ns[stage]) / 1e6 for _, one in found])
        axis.barh(range(len(found)), widths, left=left, color=_color(number), height=0.6,
                  label=stage)  # fmt: skip
        left += widths
    axis.set_yticks(range(len(found)), names, fontsize=7)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("ms, median, one thread")
    figure.legend(loc="outside lower center", ncols=4 if wide else 2, frameon=False, fontsize=7)


def _sustained(figure: Any, wide: bool, ours: Sequence[ModelResult]) -> None:
    """Draw faces a second over time."""
    axis = figure.add_subplot()
    for number, row in enumerate(ours):
        ends = [0.0, *(window.at_s for window in row.sustained)]
        rates = [
            w.faces / (w.at_s - before) for w, before in zip(row.sustained, ends, strict=False)
        ]
        axis.plot(ends[1:], rates, color=_color(number), lw=1.2, label=short(row.name))
    axis.set(xlabel="seconds without a pause", ylabel="faces a second")
    axis.set_ylim(bottom=0)
    _legend(axis)


def _log_axis(axis: Any) -> None:
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter("")


def _legend(axis: Any) -> None:
    axis.figure.legend(loc="outside lower center", ncols=2 if axis.figure.get_figwidth() > 5 else 1,
                       frameon=False, fontsize=7)  # fmt: skip
