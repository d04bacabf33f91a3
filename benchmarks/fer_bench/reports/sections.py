"""The sections of a report: headings, text, tables and plots, in order."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from fer_bench.measure.sustained import slowdown
from fer_bench.reports import tables
from fer_bench.reports.figures import Plot
from fer_bench.reports.plots import plots_of
from fer_bench.reports.tables import Table, pipeline_ms
from fer_bench.reports.text import backend_text, instability, memory_over_bare_mb, protocol_note
from fer_bench.results.schema import BenchmarkResult, ModelResult, common_protocol
from fer_bench.results.statistics import ratio

CAPTIONS: Final = {
    "accuracy": "Models further up are more accurate, models further left are faster. The area of "
    "a marker grows with the file size.",
    "calibration": "A model is calibrated if its line is on the dotted diagonal: of the "
    "predictions with 80 % confidence, 80 % are correct.",
    "latency": "Inference times of single faces, from pixels to logits, as cumulative "
    "distribution.",
    "memory": "Highest resident memory of a fresh process up to its first prediction.",
    "operators": "Times of the runtime's own profiler, in order of execution. The table lists "
    "the slowest operators.",
    "stages": "Median times of decoding, face detection, cropping, classification; one thread.",
    "sustained": "A falling line indicates thermal throttling.",
}
DEFINITIONS: Final = (
    "Clean: accuracy without the faces that have an exact copy in Training (deduplicated). ECE: "
    "expected calibration error. MMACs: million multiply-accumulates per face. Memory: peak of a "
    "fresh process above a Python process without imports. Start: run time of a fresh process that "
    "makes one prediction."
)
PEERS_TEXT: Final = (
    "Measured on the same faces, interleaved with FER SDK. Network: inference of one face. Photo: "
    "one call on a decoded 640x480 photo with one face, detection included. "
)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its content."""

    title: str
    lines: tuple[str, ...] = ()
    table: Table | None = None
    plot: Plot | None = None


def sections_of(result: BenchmarkResult, peers: BenchmarkResult | None) -> list[Section]:
    """Return the sections of a report.

    Args:
        result: Result of a benchmark.
        peers: Result of `peers.measure`, or None.
    """
    plots = {plot.name: plot for plot in plots_of(result, peers)}

    def plotted(
        name: str, table: Table | None = None, lines: tuple[str, ...] = ()
    ) -> list[Section]:
        if name not in plots:
            return []
        plot = plots[name]
        return [Section(plot.title, (CAPTIONS[name], *lines), table, plot)]

    rows = result.models
    sections = [Section("Models", _model_notes(result), tables.models_table(rows))]
    sections += plotted("accuracy")
    if peers is not None:
        sections += _peer_sections(peers)
    if any(row.accuracy for row in rows):
        sections.append(Section("Accuracy", (), tables.scores_table(rows)))
        sections.append(Section("F1 by expression", (), tables.by_class_table(rows)))
    sections += plotted("calibration")
    sections += plotted("latency", tables.times_table(rows))
    sections += plotted("memory")
    if any(row.startup for row in rows):
        text = ("Medians over fresh processes.",)
        sections.append(Section("Cold start", text, tables.starts_table(rows)))
    if any(row.throughput for row in rows):
        sections.append(Section("Images per second", (), tables.rates_table(rows)))
    sections += plotted("operators", tables.operators_table(rows))
    sections += plotted("stages", tables.stages_table(rows))
    ratios = tuple(
        f"{row.name}: the inference time at the end is {slowdown(row.sustained):.2f} times that at "
        "the start."
        for row in rows
        if row.sustained
    )
    return sections + plotted("sustained", lines=ratios)


def describe_run(result: BenchmarkResult) -> str:
    """Return date, settings, machine and data of a run as one paragraph."""
    machine = result.environment
    load = (
        ""
        if result.load_average is None
        else f", load average {result.load_average:.1f} before the run"
    )
    return (
        f"{result.created[:10]}, fer-bench {machine['fer-sdk']}, mode {result.mode}, delegate "
        f"{result.delegate}, {result.threads} thread(s), {machine['processor']} with "
        f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}{load}. "
        f"Timed and scored on {result.dataset}, with the class prior of the training data."
    )


def _model_notes(result: BenchmarkResult) -> tuple[str, ...]:
    lines = [DEFINITIONS]
    protocol = common_protocol(result.models)
    for row in result.models:
        lines += [f"{row.name} is {note}." for note in protocol_note(row, protocol)]
        lines += [f"{row.name} is unstable: {instability(row)}."] if instability(row) else []
        if row.backend.delegate != "cpu":
            lines.append(f"{row.name} runs {backend_text(row)}.")
        if row.parity is not None:
            lines.append(
                f"{row.name} predicts the same label as on the CPU for {row.parity.agreement:.1%} "
                f"of {row.parity.faces} faces."
            )
        lines += [f"{row.name}: {note}." for note in row.notes]
    lines += [f"{name} is not supported: {why}." for name, why in result.refused.items()]
    return tuple(lines)


def _peer_sections(peers: BenchmarkResult) -> list[Section]:
    ours = [row for row in peers.models if not row.peer]
    others = [row for row in peers.models if row.peer]
    table = tables.peers_table((*ours, *others))
    sections = [Section("Other packages", (PEERS_TEXT + describe_run(peers),), table)]
    lines = [line for own in ours[:1] for other in others for line in _ratios(own, other)]
    if lines:
        sections.append(Section("Ratios", tuple(lines)))
    return sections


def _ratios(own: ModelResult, other: ModelResult) -> list[str]:
    """Return the costs of another package as multiples of ours."""
    found = []
    if own.latency is not None and other.latency is not None:
        times, low, high = ratio(own.latency, other.latency, 50, paired=True)
        found.append(f"network time {times:,.1f} ({low:,.1f} - {high:,.1f})")
    pairs = {
        "photo": (pipeline_ms(own), pipeline_ms(other)),
        "memory": (memory_over_bare_mb(own), memory_over_bare_mb(other)),
        "bytes": (float(own.size_bytes), float(other.size_bytes)),
    }
    if own.startup is not None and other.startup is not None:
        starts = [float(np.median(r.startup.total_s)) for r in (own, other) if r.startup]
        pairs["cold start"] = (starts[0], starts[1])
    found += [f"{name} {b / a:,.1f}" for name, (a, b) in pairs.items() if a and b]
    if not found:
        return []
    text = f"{other.name}, multiples of {own.name}: " + ", ".join(found)
    if own.accuracy and other.accuracy:
        points = other.accuracy[0].headline.accuracy - own.accuracy[0].headline.accuracy
        text += f"; accuracy {100 * points:+.2f} points"
    return [text + "."]
