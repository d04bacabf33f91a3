"""The tables of a report, as text cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fer_bench.reports.text import memory_over_bare_mb
from fer_bench.results.schema import ModelResult
from fer_bench.results.statistics import interval_ms

SLOWEST: Final = 4
"""Number of operators listed per model."""


@dataclass(frozen=True, slots=True)
class Table:
    """Text cells; the first column names the row."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def models_table(rows: Sequence[ModelResult]) -> Table:
    """Return accuracy, latency and costs, one row per model."""
    head = ("model", "clean %", "all %", "p50 ms", "p90 ms", "bytes", "k parameters", "MMACs",
            "memory MiB", "start s")  # fmt: skip
    return Table(head, tuple(_model_cells(row) for row in rows))


def _model_cells(row: ModelResult) -> tuple[str, ...]:
    own = row.accuracy[0] if row.accuracy else None
    start = None if row.startup is None else float(np.median(row.startup.total_s))
    scores = None if own is None else own.deduplicated
    return (
        row.name,
        "-" if scores is None else f"{100 * scores.accuracy:.2f}",
        "no labelled faces" if own is None else f"{100 * own.all.accuracy:.2f}",
        *(_number(None if row.latency is None else row.latency.percentile_ms(p), "{:.3f}")
          for p in (50, 90)),
        f"{row.size_bytes:,}",
        _number(row.parameters, "{:,.0f}", 1000),
        _number(row.multiply_accumulates, "{:.2f}", 1e6),
        _number(memory_over_bare_mb(row), "{:.1f}"),
        _number(start, "{:.2f}"),
    )  # fmt: skip


def peers_table(rows: Sequence[ModelResult]) -> Table:
    """Return costs and accuracy of FER SDK's models and of other packages."""
    head = ("", "bytes", "accuracy %", "network ms", "photo ms", "start s", "memory MiB")
    return Table(head, tuple(_peer_cells(row) for row in rows))


def _peer_cells(row: ModelResult) -> tuple[str, ...]:
    accuracy = 100 * row.accuracy[0].headline.accuracy if row.accuracy else None
    start = None if row.startup is None else float(np.median(row.startup.total_s))
    return (
        row.name,
        f"{row.size_bytes:,}",
        _number(accuracy, "{:.2f}"),
        _number(None if row.latency is None else row.latency.percentile_ms(50), "{:.3f}"),
        _number(pipeline_ms(row), "{:.1f}"),
        _number(start, "{:.2f}"),
        _number(memory_over_bare_mb(row), "{:.0f}"),
    )


def pipeline_ms(row: ModelResult) -> float | None:
    """Return the median time of all stages on a photo, in milliseconds; None if not measured."""
    if not row.pipeline:
        return None
    stages = [np.asarray(times, np.float64) for times in row.pipeline[0].stages_ns.values()]
    return float(np.median(np.sum(stages, axis=0)) / 1e6)


def scores_table(rows: Sequence[ModelResult]) -> Table:
    """Return all scores by model and protocol."""
    head = ("model", "protocol", "faces", "accuracy %", "balanced %", "macro F1", "top-2 %",
            "top-3 %", "ECE")  # fmt: skip
    cells = []
    for row in rows:
        for own in row.accuracy:
            sample = f" of {own.available}" if own.all.n < own.available else ""
            for kind, scores in (("all", own.all), ("clean", own.deduplicated)):
                if scores is not None:
                    cells.append(
                        (
                            row.name, f"{own.protocol}, {kind}",
                            f"{scores.n}{sample if kind == 'all' else ''}",
                            f"{100 * scores.accuracy:.2f}", f"{100 * scores.balanced_accuracy:.2f}",
                            f"{scores.macro_f1:.4f}", f"{100 * scores.top2:.2f}",
                            f"{100 * scores.top3:.2f}", f"{scores.calibration_error:.4f}",
                        )
                    )  # fmt: skip
    return Table(head, tuple(cells))


def by_class_table(rows: Sequence[ModelResult]) -> Table:
    """Return the F1 score of each expression."""
    scored = [row for row in rows if row.accuracy]
    labels = [c.label for c in scored[0].accuracy[0].headline.classes]
    cells = []
    for row in scored:
        classes = {c.label: c.f1 for c in row.accuracy[0].headline.classes}
        cells.append((row.name, *(_number(classes.get(label), "{:.3f}") for label in labels)))
    return Table(("model", *labels), tuple(cells))


def times_table(rows: Sequence[ModelResult]) -> Table:
    """Return statistics of the inference times, in milliseconds."""
    head = ("model", "inferences", "min", "p50", "95 % of p50", "p90", "95 % of p90", "p99", "mean",
            "std")  # fmt: skip
    cells = []
    for row in rows:
        if row.latency is None:
            continue
        every = row.latency.all_ms
        p50, p90 = (interval_ms(row.latency, percent) for percent in (50, 90))
        cells.append(
            (
                row.name, f"{len(every):,}", f"{every.min():.3f}",
                f"{np.percentile(every, 50):.3f}", f"{p50[0]:.3f} - {p50[1]:.3f}",
                f"{np.percentile(every, 90):.3f}", f"{p90[0]:.3f} - {p90[1]:.3f}",
                f"{np.percentile(every, 99):.3f}", f"{every.mean():.3f}", f"{every.std():.3f}",
            )
        )  # fmt: skip
    return Table(head, tuple(cells))


def starts_table(rows: Sequence[ModelResult]) -> Table:
    """Return startup times and memory, medians over fresh processes."""
    head = ("model", "import ms", "load ms", "first prediction ms", "total s", "peak MiB",
            "bare MiB")  # fmt: skip
    cells = []
    for row in rows:
        found = row.startup
        if found is None:
            continue
        times = [f"{1000 * float(np.median(v)):.1f}"
                 for v in (found.import_s, found.load_s, found.inference_s)]  # fmt: skip
        peaks = [f"{np.median(v):.1f}" if v else "-" for v in (found.peak_mb, found.bare_mb)]
        cells.append((row.name, *times, f"{np.median(found.total_s):.2f}", *peaks))
    return Table(head, tuple(cells))


def rates_table(rows: Sequence[ModelResult]) -> Table:
    """Return the throughput in images per second."""
    settings = sorted({(t.threads, t.batch) for row in rows for t in row.throughput})
    head = ("model", *(f"{threads} thread(s), batch {batch}" for threads, batch in settings))
    cells = []
    for row in rows:
        rates = {(t.threads, t.batch): float(np.median(t.images_per_s)) for t in row.throughput}
        if rates:
            cells.append((row.name, *(_number(rates.get(s), "{:,.0f}") for s in settings)))
    return Table(head, tuple(cells))


def operators_table(rows: Sequence[ModelResult]) -> Table:
    """Return the slowest operators of each model."""
    cells = []
    for row in rows:
        total = sum(operator.microseconds for operator in row.operators)
        longest = sorted(row.operators, key=lambda operator: -operator.microseconds)
        for operator in longest[:SLOWEST]:
            share = operator.microseconds / total if total else 0.0
            cells.append(
                (row.name, operator.name, operator.kind, f"{operator.microseconds:.1f}",
                 f"{share:.0%}")
            )  # fmt: skip
    return Table(("model", "operator", "kind", "us per face", "share"), tuple(cells))


def stages_table(rows: Sequence[ModelResult]) -> Table:
    """Return the median time of each pipeline stage."""
    head = ("source", "model", "image", "detection at", "decode ms", "detect ms", "crop ms",
            "classify ms", "total ms")  # fmt: skip
    cells = []
    for row in rows:
        for found in row.pipeline:
            medians = [float(np.median(times)) / 1e6 for times in found.stages_ns.values()]
            size = "x".join(map(str, found.detection_wh)) if found.detection_wh else "-"
            cells.append(
                (found.source, row.name, "x".join(map(str, found.image_wh)), size,
                 *(f"{ms:.2f}" for ms in medians), f"{sum(medians):.2f}")
            )  # fmt: skip
    return Table(head, tuple(cells))


def _number(value: float | None, form: str, unit: float = 1) -> str:
    return "-" if value is None else form.format(value / unit)
