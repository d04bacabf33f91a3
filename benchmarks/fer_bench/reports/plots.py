"""Plots of a benchmark result."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from fer_bench.reports.accuracy_plot import draw_accuracy
from fer_bench.reports.curves import PERCENTS, Curve, curves_of
from fer_bench.reports.figures import (
    COLORS,
    FAINT,
    GREY,
    INK,
    Plot,
    color_of,
    legend_below,
    log_x_axis,
    short_name,
    wrapped_name,
)
from fer_bench.reports.text import memory_over_bare_mb
from fer_bench.results.schema import BenchmarkResult, ModelResult


def plots_of(result: BenchmarkResult, peers: BenchmarkResult | None) -> list[Plot]:
    """Return the plots for which the result has data.

    Args:
        result: Result of a benchmark.
        peers: Result of `peers.measure`; its other packages are added to two plots.
    """
    ours = [row for row in result.models if not row.peer]
    others = [] if peers is None else [row for row in peers.models if row.peer]
    curves = curves_of(ours)
    found = []
    if any(row.accuracy for row in ours):
        found.append(accuracy_plot([*curves_of(others), *curves]))
        found.append(Plot("calibration", "Calibration", lambda f, w: _calibration(f, w, ours)))
    found.append(latency_plot(curves))
    started = [row for row in (*ours, *others) if memory_over_bare_mb(row) is not None]
    if started:
        found.append(Plot("memory", "Memory", lambda f, w: _memory(f, w, started), len(started)))
    profiled = [row for row in ours if row.operators]
    if profiled:
        found.append(
            Plot("operators", "Time by operator", lambda f, w: _operators(f, w, profiled),
                 len(profiled))
        )  # fmt: skip
    staged = [row for row in ours if row.pipeline]
    if staged:
        bars = sum(len(row.pipeline) for row in staged)
        found.append(Plot("stages", "Pipeline stages", lambda f, w: _stages(f, w, staged), bars))
    if any(row.sustained for row in ours):
        found.append(Plot("sustained", "Sustained run", lambda f, w: _sustained(f, w, ours)))
    return found


def accuracy_plot(curves: Sequence[Curve]) -> Plot:
    """Return the plot of accuracy against latency."""
    return Plot("accuracy", "Accuracy against latency", lambda f, w: draw_accuracy(f, w, curves))


def latency_plot(curves: Sequence[Curve]) -> Plot:
    """Return the plot of the latency distributions."""
    return Plot("latency", "Latency distribution", lambda f, w: _latency(f, w, curves))


def _calibration(figure: Any, wide: bool, ours: Sequence[ModelResult]) -> None:
    """Draw accuracy against confidence, for bins of at least ten faces."""
    axis = figure.add_subplot()
    axis.plot([0, 1], [0, 1], color=INK, ls=":", lw=1)
    for number, row in enumerate(ours):
        if not row.accuracy:
            continue
        bins = [b for b in row.accuracy[0].reliability if b.faces >= 10]
        error = row.accuracy[0].headline.calibration_error
        axis.plot(
            [b.confidence for b in bins], [b.accuracy for b in bins], "o-", ms=3, lw=1.2,
            color=color_of(number), label=f"{short_name(row.name)}, ECE {error:.3f}",
        )  # fmt: skip
    axis.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axis.set_aspect("equal" if not wide else "auto")
    legend_below(axis)


def _latency(figure: Any, wide: bool, curves: Sequence[Curve]) -> None:
    """Draw the cumulative distribution of the inference time."""
    axis = figure.add_subplot()
    for number, curve in enumerate(curves):
        axis.plot(
            curve.percentiles_ms, PERCENTS, color=color_of(number), lw=1.4,
            label=short_name(curve.name),
        )  # fmt: skip
    for percent in (50, 90, 99):
        axis.axhline(percent, color=INK, lw=0.6, ls=":")
    log_x_axis(axis)
    axis.set_yticks([0, 25, 50, 75, 90, 99])
    axis.set(xlabel="inference time of one face, ms", ylabel="faces within this time, %",
             ylim=(0, 102))  # fmt: skip
    legend_below(axis)


def _memory(figure: Any, wide: bool, rows: Sequence[ModelResult]) -> None:
    """Draw the peak memory above that of a Python process without imports."""
    axis = figure.add_subplot()
    values = [memory_over_bare_mb(row) or 0 for row in rows]
    ours = [row for row in rows if not row.peer]
    colors = [GREY if row.peer else color_of(ours.index(row)) for row in rows]
    names = [short_name(row.name) if wide else wrapped_name(row.name) for row in rows]
    bars = axis.barh(range(len(rows)), values, color=colors, height=0.6)
    axis.bar_label(bars, [f" {value:.0f} MiB" for value in values], color=INK)
    axis.set_yticks(range(len(rows)), names)
    axis.invert_yaxis()
    axis.margins(x=0.2)
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("peak memory above a bare process, MiB")


def _operators(figure: Any, wide: bool, rows: Sequence[ModelResult]) -> None:
    """Draw the inference time by operator, coloured by operator type."""
    axis = figure.add_subplot()
    totals: dict[str, float] = defaultdict(float)
    for row in rows:
        for operator in row.operators:
            totals[_family(operator.kind)] += operator.microseconds
    kinds = sorted(totals, key=lambda kind: -totals[kind])[: len(COLORS)]
    for bar, row in enumerate(rows):
        left = 0.0
        for operator in row.operators:
            kind = _family(operator.kind)
            axis.barh(
                bar, operator.microseconds, left=left, height=0.6, edgecolor=FAINT, lw=0.7,
                color=color_of(kinds.index(kind)) if kind in kinds else GREY,
            )  # fmt: skip
            left += operator.microseconds
    for kind in kinds:
        if totals[kind] > 0:
            axis.barh(0, 0, color=color_of(kinds.index(kind)), label=kind)
    names = [short_name(row.name) if wide else wrapped_name(row.name) for row in rows]
    axis.set_yticks(range(len(rows)), names)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("microseconds per face, one thread")
    figure.legend(loc="outside lower center", ncols=4 if wide else 2, frameon=False, fontsize=7)


def _family(kind: str) -> str:
    """Return an operator's type without layout and kernel, such as "Convolution"."""
    return kind.partition(" (")[0].replace("_", " ").capitalize()


def _stages(figure: Any, wide: bool, rows: Sequence[ModelResult]) -> None:
    """Draw the pipeline stages as stacked bars."""
    axis = figure.add_subplot()
    found = [(row, one) for row in rows for one in row.pipeline]
    names, left = [], np.zeros(len(found))
    for row, one in found:
        size = "x".join(map(str, one.detection_wh)) if one.detection_wh else "its own size"
        text = f"{one.source}, {short_name(row.name)}"
        names.append(
            f"{text}\ndetection at {size}" if wide else f"{wrapped_name(row.name)}\n{size}"
        )
    for number, stage in enumerate(("decode", "detect", "crop", "classify")):
        widths = np.array([np.median(one.stages_ns[stage]) / 1e6 for _, one in found])
        axis.barh(range(len(found)), widths, left=left, color=color_of(number), height=0.6,
                  label=stage)  # fmt: skip
        left += widths
    axis.set_yticks(range(len(found)), names, fontsize=7)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    axis.set_xlabel("ms, median, one thread")
    figure.legend(loc="outside lower center", ncols=4 if wide else 2, frameon=False, fontsize=7)


def _sustained(figure: Any, wide: bool, ours: Sequence[ModelResult]) -> None:
    """Draw the throughput over time."""
    axis = figure.add_subplot()
    for number, row in enumerate(ours):
        ends = [0.0, *(window.end_s for window in row.sustained)]
        rates = [
            w.faces / (w.end_s - before) for w, before in zip(row.sustained, ends, strict=False)
        ]
        axis.plot(ends[1:], rates, color=color_of(number), lw=1.2, label=short_name(row.name))
    axis.set(xlabel="seconds since the start", ylabel="faces per second")
    axis.set_ylim(bottom=0)
    legend_below(axis)
