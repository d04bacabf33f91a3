"""A result as text for a terminal."""

from collections.abc import Callable

import numpy as np

from fer_bench.measure.sustained import slowdown
from fer_bench.results.schema import BenchmarkResult, ModelResult, main_protocol
from fer_bench.results.statistics import interval_ms, ratio, warnings

NO_FACES = "no labelled faces"


def table(result: BenchmarkResult) -> str:
    """Return the result as text, one line a model and what belongs to it below."""
    width = max(len(row.name) for row in result.models) + 2
    lines = [f"timed and scored on {result.faces}", _header(width)]
    first, protocol = result.models[0], main_protocol(result.models)
    for row in result.models:
        lines.append(_line(row, width))
        lines += [f"  {note}" for note in (*scored_otherwise(row, protocol), *_notes(row, first))]
    lines += [f"{name}: refused, {why}" for name, why in result.refused.items()]
    lines += ["", *_costs(result, width), *_stages(result)]
    where = result.environment
    load = "" if result.load_average is None else f", load {result.load_average:.1f} before"
    lines += [
        "",
        f"delegate {result.delegate}, {result.threads} thread(s), {where['processor']} x "
        f"{where['cores']}, {where['system']}, Python {where['python']}, "
        f"{first.place.runtime}{load}",
    ]
    return "\n".join(lines)


def _header(width: int) -> str:
    return (
        f"{'model':<{width}}{'bytes':>10}{'all %':>8}{'clean %':>8}{'macro F1':>10}{'ECE':>7}"
        f"{'p50 ms':>9}{'p90 ms':>9}{'p99 ms':>9}{'95 % of p50':>21}"
    )


def _line(row: ModelResult, width: int) -> str:
    text = f"{row.name:<{width}}{row.size_bytes:>10,}"
    if row.accuracy:
        own = row.accuracy[0]
        deduplicated = "-" if own.deduplicated is None else f"{100 * own.deduplicated.accuracy:.2f}"
        text += (
            f"{100 * own.all.accuracy:>8.2f}{deduplicated:>8}{own.headline.macro_f1:>10.4f}"
            f"{own.headline.calibration_error:>7.3f}"
        )
    else:
        text += f"{NO_FACES:>33}"
    if row.latency is not None:
        text += "".join(f"{row.latency.percentile_ms(p):>9.3f}" for p in (50, 90, 99))
        low, high = interval_ms(row.latency, 50)
        text += f"{f'{low:.3f} - {high:.3f}':>21}"
        text += "  unstable" if doubts(row) else ""
    return text


def scored_otherwise(row: ModelResult, protocol: str) -> list[str]:
    """Return a note on a row whose accuracy does not compare with that of most rows."""
    if not row.accuracy or row.accuracy[0].protocol == protocol:
        return []
    return [f"scored by {row.accuracy[0].protocol}, {row.accuracy[0].all.n} faces"]


def _notes(row: ModelResult, first: ModelResult) -> list[str]:
    """Return what must be known to read a row."""
    notes = [place_of(row)] if row.place.delegate != "cpu" else []
    for own in row.accuracy:
        if own.all.n < own.available:
            notes.append(f"{own.protocol}: {own.all.n} of {own.available} faces, a sample for time")
    for own in row.accuracy[1:]:
        deduplicated = (
            "" if own.deduplicated is None else f", clean {100 * own.deduplicated.accuracy:.2f} %"
        )
        notes.append(f"{own.protocol}: {100 * own.all.accuracy:.2f} % of {own.all.n}{deduplicated}")
    if row.parity is not None:
        cpu = row.parity.cpu_accuracy
        notes.append(
            f"beside the CPU on {row.parity.faces} faces: {row.parity.agreement:.1%} get its "
            f"label, logits differ by {row.parity.largest_difference:.2g} of their spread"
            + ("" if cpu is None else f", its accuracy {100 * cpu:.2f} %")
        )
    if row.submission is not None and row.latency is not None:
        alone, whole = row.submission.percentile_ms(50), row.latency.percentile_ms(50)
        notes.append(
            f"times include reading the answer back; submission alone would say {alone:.3f} ms, "
            f"{whole / alone:,.1f} times less"
        )
    if row.latency is not None:
        notes += [f"unstable: {doubts(row)}"] if doubts(row) else []
        if row is not first and first.latency is not None:
            times, low, high = ratio(first.latency, row.latency, 50, paired=True)
            notes.append(f"{times:.2f} times {first.name}'s time ({low:.2f} - {high:.2f})")
    if row.sustained:
        minutes = row.sustained[-1].at_s / 60
        notes.append(
            f"after {minutes:.1f} minutes without a pause: {slowdown(row.sustained):.2f} times the "
            "time at the beginning"
        )
    return [*notes, *row.notes]


def doubts(row: ModelResult) -> str:
    """Return why another run may give another median or p90; empty if all is well."""
    if row.latency is None:
        return ""
    return "; ".join(dict.fromkeys((*warnings(row.latency, 50), *warnings(row.latency, 90))))


def place_of(row: ModelResult) -> str:
    """Return where a row ran, in words: runtime, operators taken, adapter."""
    place = row.place
    text = f"on {place.runtime}"
    if place.delegated_ops is not None:
        text += f", {place.delegated_ops} of {place.ops} operators delegated"
    if place.adapter is not None:
        kind = "software" if place.software else "hardware"
        text += f", {kind} adapter: {place.adapter}"
        text += "; its times say nothing about a GPU" if place.software else ""
    return text


def _costs(result: BenchmarkResult, width: int) -> list[str]:
    columns: dict[str, Callable[[ModelResult], str]] = {
        "k params": lambda row: _or_dash(row.parameters, 1000, "{:,.0f}"),
        "MMACs": lambda row: _or_dash(row.multiply_accumulates, 1e6, "{:,.2f}"),
        "operators": _operators,
        "min ms": lambda row: _time(row, "min"),
        "mean ms": lambda row: _time(row, "mean"),
        "std ms": lambda row: _time(row, "std"),
        "start s": lambda row: _median(row, "total_s", "{:.2f}"),
        "load ms": lambda row: _median(row, "load_s", "{:.1f}", 1000),
        "1st ms": lambda row: _median(row, "answer_s", "{:.2f}", 1000),
        "memory MB": _memory,
        "images/s": _images,
    }
    lines = [f"{'model':<{width}}" + "".join(f"{name:>11}" for name in columns)]
    for row in result.models:
        cells = "".join(f"{cell(row):>11}" for cell in columns.values())
        lines.append(f"{row.name:<{width}}{cells}")
    lines.append(
        "operators: delegated of all; start: fresh process to its first answer and end; memory: "
        "peak over a bare Python process; images/s: best of batches and threads"
    )
    return lines


def _or_dash(value: float | None, unit: float, form: str) -> str:
    return "-" if value is None else form.format(value / unit)


def _operators(row: ModelResult) -> str:
    place = row.place
    return "-" if place.ops is None else f"{place.delegated_ops}/{place.ops}"


def _time(row: ModelResult, name: str) -> str:
    return "-" if row.latency is None else f"{getattr(row.latency.all_ms, name)():.3f}"


def _median(row: ModelResult, name: str, form: str, unit: float = 1) -> str:
    values = () if row.first_answer is None else getattr(row.first_answer, name)
    return form.format(unit * float(np.median(values))) if values else "-"


def memory_over_bare_mb(row: ModelResult) -> float | None:
    """Return the peak memory until the first answer over that of a bare process, in MiB."""
    if row.first_answer is None or not row.first_answer.peak_mb:
        return None
    return float(np.median(row.first_answer.peak_mb) - np.median(row.first_answer.bare_mb))


def _memory(row: ModelResult) -> str:
    return _or_dash(memory_over_bare_mb(row), 1, "{:.1f}")


def _images(row: ModelResult) -> str:
    best = max((float(np.median(t.images_per_s)) for t in row.throughput), default=None)
    return _or_dash(best, 1, "{:,.0f}")


def _stages(result: BenchmarkResult) -> list[str]:
    rows = [(row, found) for row in result.models for found in row.end_to_end]
    if not rows:
        return []
    lines = ["", "end to end, median ms of one thread"]
    for row, found in rows:
        medians = {stage: np.median(times) / 1e6 for stage, times in found.stages_ns.items()}
        size = "x".join(map(str, found.detection_wh)) if found.detection_wh else "own size"
        stages = ", ".join(f"{stage} {ms:.2f}" for stage, ms in medians.items())
        lines.append(
            f"  {found.source} {'x'.join(map(str, found.image_wh))}, searched at {size}, "
            f"{row.name}: {stages}; {sum(medians.values()):.2f} in all"
        )
    return lines
