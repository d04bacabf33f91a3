"""The peers' result as Markdown: a table, and how often ours goes into theirs."""

from pathlib import Path

import numpy as np

from fer_bench.results.schema import BenchmarkResult, EndToEnd, ModelResult
from fer_bench.results.statistics import ratio


def write_fragment(result: BenchmarkResult, path: Path) -> None:
    """Write the table and the ratios.

    Args:
        result: Of `peers.measure`: ours first.
        path: Markdown file.
    """
    path.write_text("\n".join([*_table(result), "", *_ratios(result), ""]), encoding="utf-8")


def _table(result: BenchmarkResult) -> list[str]:
    where = result.environment
    lines = [
        "# Other packages",
        "",
        "Made by `make peers`.",
        "",
        f"{result.faces}; whole call: a decoded 640x480 photo with one face; start: a fresh "
        "process until its first answer about that photo. Ours on one thread, peers as they come; "
        f"{where['processor']} x {where['cores']}, load {result.load_average:.1f} before.",
        "",
        "| | network bytes | all % | clean % | macro F1 | net ms | whole call ms | import s "
        "| start s | peak MB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in result.models:
        own, start = row.accuracy[0], row.first_answer
        assert row.latency is not None
        assert start is not None
        assert own.deduplicated is not None
        sampled = "" if own.all.n == own.available else f" (n = {own.all.n})"
        whole = "<br>".join(_whole(end) for end in row.end_to_end) or "finds no faces"
        cells = [
            row.name,
            f"{row.size_bytes:,}",
            f"{100 * own.all.accuracy:.2f}{sampled}",
            f"{100 * own.deduplicated.accuracy:.2f}",
            f"{own.deduplicated.macro_f1:.4f}",
            f"{row.latency.percentile_ms(50):.3f}",
            whole,
            f"{np.median(start.import_s):.2f}",
            f"{np.median(start.total_s):.2f}",
            f"{np.median(start.peak_mb):.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    lines += [f"- {row.name}: {'; '.join(row.notes)}" for row in result.models if row.notes]
    return lines


def _median_ms(end: EndToEnd) -> float:
    return float(np.median(end.stages_ns["whole"])) / 1e6


def _at(end: EndToEnd) -> str:
    return "" if end.detection_wh is None else " at " + "x".join(map(str, end.detection_wh))


def _whole(end: EndToEnd) -> str:
    faces = end.faces // len(end.stages_ns["whole"])
    return f"{_median_ms(end):.2f}{_at(end)}, {faces} found"


def _ratios(result: BenchmarkResult) -> list[str]:
    others = [row for row in result.models if row.peer]
    lines = []
    for ours in result.models:
        if ours.peer:
            continue
        lines += [
            f"How many times `{ours.name}` goes into each (95 % interval over the rounds for the "
            "network's time):",
            "",
            "| | net time | whole call | start | peak memory | clean accuracy, points |",
            "|---|---|---|---|---|---|",
            *(_ratio_line(ours, other) for other in others),
            "",
        ]
    return lines[:-1]


def _ratio_line(ours: ModelResult, other: ModelResult) -> str:
    assert ours.latency is not None
    assert other.latency is not None
    assert ours.first_answer is not None
    assert other.first_answer is not None
    net, low, high = ratio(ours.latency, other.latency, 50, paired=True)
    whole = "-"
    if other.end_to_end:
        theirs = _median_ms(other.end_to_end[0])
        whole = ", ".join(f"{theirs / _median_ms(end):.1f}{_at(end)}" for end in ours.end_to_end)
    own, their = ours.accuracy[0].headline, other.accuracy[0].headline
    start = np.median(other.first_answer.total_s) / np.median(ours.first_answer.total_s)
    memory = np.median(other.first_answer.peak_mb) / np.median(ours.first_answer.peak_mb)
    points = 100 * (own.accuracy - their.accuracy)
    cells = [other.name, f"{net:.2f} ({low:.2f} - {high:.2f})", whole, f"{start:.1f}",
             f"{memory:.1f}", f"{points:+.2f}"]  # fmt: skip
    return "| " + " | ".join(cells) + " |"
