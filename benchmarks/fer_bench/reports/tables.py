"""What a report says of a result: headings, lines, tables and pictures, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fer_bench.measure.sustained import slowdown
from fer_bench.reports.plots import Plot, plots_of
from fer_bench.reports.text import doubts, memory_over_bare_mb, place_of, scored_otherwise
from fer_bench.results.schema import BenchmarkResult, ModelResult, main_protocol
from fer_bench.results.statistics import interval_ms, ratio

LONGEST: Final = 4
"""Operators of a model that the table names."""
CAPTIONS: Final = {
    "accuracy": "Up and to the left is better. A bubble's area is the file's size.",
    "calibration": "On the dotted line confidence is honest: of answers given with 80 % "
    "confidence, 80 % are right.",
    "latency": "Every single face, pixels in, logits out, on a logarithmic scale.",
    "memory": "Highest resident memory of a fresh process until its first answer.",
    "operators": "By the runtime's own profiler, in order of execution; the longest are named "
    "below.",
    "stages": "Decode, detect, crop, classify on one thread.",
    "sustained": "A falling line is a device that gets too hot.",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text; the first column names the row."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it."""

    title: str
    lines: tuple[str, ...] = ()
    table: Table | None = None
    plot: Plot | None = None


def sections_of(result: BenchmarkResult, peers: BenchmarkResult | None) -> list[Section]:
    """Return what a page shows of a result and, where there is one, of the peers' result."""
    plots = {plot.name: plot for plot in plots_of(result, peers)}

    def drawn(name: str) -> list[Section]:
        if name not in plots:
            return []
        return [Section(plots[name].title, (CAPTIONS[name],), plot=plots[name])]

    sections = [Section("Models", _readings(result), _models(result.models))]
    sections += drawn("accuracy")
    if peers is not None:
        sections += _peer_sections(peers)
    if any(row.accuracy for row in result.models):
        sections.append(Section("Accuracy", (), _scores(result.models)))
        sections.append(Section("F1 by expression", (), _by_class(result.models)))
    sections += drawn("calibration")
    sections += drawn("latency")
    sections.append(Section("Latency in detail", (), _times(result.models)))
    sections += drawn("memory")
    if any(row.first_answer for row in result.models):
        sections.append(Section("Cold start", ("Medians of fresh processes.",),
                                _starts(result.models)))  # fmt: skip
    if any(row.throughput for row in result.models):
        sections.append(Section("Images a second", (), _rates(result.models)))
    for section in drawn("operators"):
        sections.append(Section(section.title, section.lines, _operators(result.models),
                                section.plot))  # fmt: skip
    if any(row.end_to_end for row in result.models):
        (stages,) = drawn("stages")
        sections.append(Section(stages.title, stages.lines, _stages(result.models), stages.plot))
    for section in drawn("sustained"):
        lines = [f"{row.name}: {slowdown(row.sustained):.2f} times the first tenth's time at the "
                 "end" for row in result.models if row.sustained]  # fmt: skip
        sections.append(Section(section.title, (*section.lines, *lines), plot=section.plot))
    return sections


def surroundings(result: BenchmarkResult) -> str:
    """Return when, where and on what a result was measured."""
    where = result.environment
    load = "" if result.load_average is None else f", load {result.load_average:.1f} before the run"
    return (
        f"{result.created[:10]}, fer-bench {where['fer-sdk']}, mode {result.mode}, delegate "
        f"{result.delegate}, {result.threads} thread(s), {where['processor']} with "
        f"{where['cores']} cores, {where['system']}, Python {where['python']}{load}. "
        f"Timed and scored on {result.faces}."
    )


def _readings(result: BenchmarkResult) -> tuple[str, ...]:
    lines = [
        "Clean: without faces that are also in Training. ECE: expected calibration error. Memory: "
        "peak of a fresh process over a bare Python process. Start: from nothing to the first "
        "answer."
    ]
    protocol = main_protocol(result.models)
    for row in result.models:
        lines += [f"{row.name} is {note}." for note in scored_otherwise(row, protocol)]
        lines += [f"{row.name} is unstable: {doubts(row)}."] if doubts(row) else []
        if row.place.delegate != "cpu":
            lines.append(f"{row.name} {place_of(row)}.")
        if row.parity is not None:
            lines.append(f"{row.name}: {row.parity.agreement:.1%} of {row.parity.faces} faces get "
                         "the CPU's label.")  # fmt: skip
        lines += [f"{row.name}: {note}." for note in row.notes]
    lines += [f"{name} is refused: {why}." for name, why in result.refused.items()]
    return tuple(lines)


def _models(rows: Sequence[ModelResult]) -> Table:
    head = ("model", "clean %", "all %", "p50 ms", "p90 ms", "bytes", "k parameters", "MMACs",
            "memory MB", "start s")  # fmt: skip
    return Table(head, tuple(_model_cells(row) for row in rows))


def _model_cells(row: ModelResult) -> tuple[str, ...]:
    own = row.accuracy[0] if row.accuracy else None
    start = None if row.first_answer is None else float(np.median(row.first_answer.total_s))
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


def _peer_sections(peers: BenchmarkResult) -> list[Section]:
    ours = [row for row in peers.models if not row.peer]
    others = [row for row in peers.models if row.peer]
    head = ("", "bytes", "accuracy %", "net ms", "whole call ms", "start s", "memory MB")
    table = Table(head, tuple(_peer_cells(row) for row in (*ours, *others)))
    said = surroundings(peers)
    sections = [Section("Beside other packages", (f"Measured in turns with ours: {said}",), table)]
    lines = [line for own in ours[:1] for other in others for line in _ratios(own, other)]
    if lines:
        sections.append(Section("Ratios", tuple(lines)))
    return sections


def _peer_cells(row: ModelResult) -> tuple[str, ...]:
    accuracy = 100 * row.accuracy[0].headline.accuracy if row.accuracy else None
    start = None if row.first_answer is None else float(np.median(row.first_answer.total_s))
    return (
        row.name,
        f"{row.size_bytes:,}",
        _number(accuracy, "{:.2f}"),
        _number(None if row.latency is None else row.latency.percentile_ms(50), "{:.3f}"),
        _number(whole_call_ms(row), "{:.1f}"),
        _number(start, "{:.2f}"),
        _number(memory_over_bare_mb(row), "{:.0f}"),
    )


def _ratios(own: ModelResult, other: ModelResult) -> list[str]:
    """Say how many times as much a peer takes as ours."""
    found = []
    if own.latency is not None and other.latency is not None:
        times, low, high = ratio(own.latency, other.latency, 50, paired=True)
        found.append(f"net time {times:,.1f} ({low:,.1f} - {high:,.1f})")
    pairs = {
        "whole call": (whole_call_ms(own), whole_call_ms(other)),
        "memory": (memory_over_bare_mb(own), memory_over_bare_mb(other)),
        "bytes": (float(own.size_bytes), float(other.size_bytes)),
    }
    if own.first_answer is not None and other.first_answer is not None:
        starts = [float(np.median(r.first_answer.total_s)) for r in (own, other) if r.first_answer]
        pairs["cold start"] = (starts[0], starts[1])
    found += [f"{name} {b / a:,.1f}" for name, (a, b) in pairs.items() if a and b]
    if own.accuracy and other.accuracy:
        points = own.accuracy[0].headline.accuracy - other.accuracy[0].headline.accuracy
        found.append(f"accuracy {100 * points:+.2f} points for {own.name}")
    return [f"{other.name} over {own.name}, times: " + ", ".join(found) + "."] if found else []


def whole_call_ms(row: ModelResult) -> float | None:
    """Return the median of a whole call on a photo, in milliseconds; None if not measured."""
    if not row.end_to_end:
        return None
    stages = [np.asarray(times, np.float64) for times in row.end_to_end[0].stages_ns.values()]
    return float(np.median(np.sum(stages, axis=0)) / 1e6)


def _scores(rows: Sequence[ModelResult]) -> Table:
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


def _by_class(rows: Sequence[ModelResult]) -> Table:
    scored = [row for row in rows if row.accuracy]
    labels = [c.label for c in scored[0].accuracy[0].headline.classes]
    cells = []
    for row in scored:
        classes = {c.label: c.f1 for c in row.accuracy[0].headline.classes}
        cells.append((row.name, *(_number(classes.get(label), "{:.3f}") for label in labels)))
    return Table(("model", *labels), tuple(cells))


def _times(rows: Sequence[ModelResult]) -> Table:
    head = ("model", "faces", "min", "p50", "95 % of p50", "p90", "95 % of p90", "p99", "mean",
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


def _starts(rows: Sequence[ModelResult]) -> Table:
    head = ("model", "import ms", "load ms", "first answer ms", "in all s", "peak MB", "bare MB")
    cells = []
    for row in rows:
        found = row.first_answer
        if found is None:
            continue
        times = [f"{1000 * float(np.median(v)):.1f}"
                 for v in (found.import_s, found.load_s, found.answer_s)]  # fmt: skip
        peaks = [f"{np.median(v):.1f}" if v else "-" for v in (found.peak_mb, found.bare_mb)]
        cells.append((row.name, *times, f"{np.median(found.total_s):.2f}", *peaks))
    return Table(head, tuple(cells))


def _rates(rows: Sequence[ModelResult]) -> Table:
    settings = sorted({(t.threads, t.batch) for row in rows for t in row.throughput})
    head = ("model", *(f"{threads} thread(s), batch {batch}" for threads, batch in settings))
    cells = []
    for row in rows:
        rates = {(t.threads, t.batch): float(np.median(t.images_per_s)) for t in row.throughput}
        if rates:
            cells.append((row.name, *(_number(rates.get(s), "{:,.0f}") for s in settings)))
    return Table(head, tuple(cells))


def _operators(rows: Sequence[ModelResult]) -> Table:
    """Return the longest operators of each model."""
    cells = []
    for row in rows:
        whole = sum(operator.microseconds for operator in row.operators)
        longest = sorted(row.operators, key=lambda operator: -operator.microseconds)
        for operator in longest[:LONGEST]:
            share = operator.microseconds / whole if whole else 0.0
            cells.append(
                (row.name, operator.name, operator.kind, f"{operator.microseconds:.1f}",
                 f"{share:.0%}")
            )  # fmt: skip
    return Table(("model", "operator", "kind", "us a face", "share"), tuple(cells))


def _stages(rows: Sequence[ModelResult]) -> Table:
    head = ("source", "model", "image", "searched at", "decode ms", "detect ms", "crop ms",
            "classify ms", "in all ms")  # fmt: skip
    cells = []
    for row in rows:
        for found in row.end_to_end:
            medians = [float(np.median(times)) / 1e6 for times in found.stages_ns.values()]
            searched = "x".join(map(str, found.detection_wh)) if found.detection_wh else "-"
            cells.append(
                (found.source, row.name, "x".join(map(str, found.image_wh)), searched,
                 *(f"{ms:.2f}" for ms in medians), f"{sum(medians):.2f}")
            )  # fmt: skip
    return Table(head, tuple(cells))


def _number(value: float | None, form: str, unit: float = 1) -> str:
    return "-" if value is None else form.format(value / unit)
