"""A benchmark result as text for the terminal."""

from collections.abc import Callable

import numpy as np

from fer_bench.measure.sustained import slowdown
from fer_bench.results.schema import BenchmarkResult, ModelResult, common_protocol
from fer_bench.results.statistics import interval_ms, ratio, warnings

NO_FACES = "no labelled faces"


def table(result: BenchmarkResult) -> str:
    """Return the result as text: one line per model, followed by its notes."""
    width = max(len(row.name) for row in result.models) + 2
    lines = [
        f"timed and scored on {result.dataset}; clean: faces without an exact copy in Training; "
        "class prior: training",
        _header(width),
    ]
    first, protocol = result.models[0], common_protocol(result.models)
    for row in result.models:
        lines.append(_line(row, width))
        lines += [f"  {note}" for note in (*protocol_note(row, protocol), *_notes(row, first))]
    lines += [f"{name}: not supported, {why}" for name, why in result.refused.items()]
    lines += ["", *_costs(result, width), *_stages(result)]
    machine = result.environment
    load = "" if result.load_average is None else f", load average {result.load_average:.1f} before"
    lines += [
        "",
        f"delegate {result.delegate}, {result.threads} thread(s), {machine['processor']} x "
        f"{machine['cores']}, {machine['system']}, Python {machine['python']}, "
        f"{first.backend.runtime}{load}",
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
        text += "  unstable" if instability(row) else ""
    return text


def protocol_note(row: ModelResult, protocol: str) -> list[str]:
    """Return a note if a row has another evaluation protocol than most rows."""
    if not row.accuracy or row.accuracy[0].protocol == protocol:
        return []
    return [f"scored on {row.accuracy[0].protocol}, {row.accuracy[0].all.n} faces"]


def _notes(row: ModelResult, first: ModelResult) -> list[str]:
    """Return the notes below a row."""
    notes = [backend_text(row)] if row.backend.delegate != "cpu" else []
    for own in row.accuracy:
        if own.all.n < own.available:
            notes.append(f"{own.protocol}: scored on {own.all.n} of {own.available} faces")
    for own in row.accuracy[1:]:
        deduplicated = (
            ""
            if own.deduplicated is None
            else f", deduplicated {100 * own.deduplicated.accuracy:.2f} %"
        )
        notes.append(f"{own.protocol}: {100 * own.all.accuracy:.2f} % of {own.all.n}{deduplicated}")
    if row.parity is not None:
        cpu = row.parity.cpu_accuracy
        notes.append(
            f"compared with the CPU on {row.parity.faces} faces: {row.parity.agreement:.1%} same "
            f"labels, largest logit difference {row.parity.largest_difference:.2g} standard "
            "deviations" + ("" if cpu is None else f", CPU accuracy {100 * cpu:.2f} %")
        )
    if row.submission is not None and row.latency is not None:
        submitted, total = row.submission.percentile_ms(50), row.latency.percentile_ms(50)
        notes.append(
            f"times include reading the result back; submission alone takes {submitted:.3f} ms, "
            f"{total / submitted:,.1f} times less"
        )
    if row.latency is not None:
        notes += [f"unstable: {instability(row)}"] if instability(row) else []
        if row is not first and first.latency is not None:
            times, low, high = ratio(first.latency, row.latency, 50, paired=True)
            notes.append(f"{times:.2f} times the time of {first.name} ({low:.2f} - {high:.2f})")
    if row.sustained:
        minutes = row.sustained[-1].end_s / 60
        notes.append(
            f"after {minutes:.1f} minutes of sustained load: {slowdown(row.sustained):.2f} times "
            "the initial inference time"
        )
    return [*notes, *row.notes]


def instability(row: ModelResult) -> str:
    """Return why the median or p90 may not be reproducible; empty if they are stable."""
    if row.latency is None:
        return ""
    return "; ".join(dict.fromkeys((*warnings(row.latency, 50), *warnings(row.latency, 90))))


def backend_text(row: ModelResult) -> str:
    """Return where a model ran: runtime, delegated operators and adapter."""
    backend = row.backend
    text = f"on {backend.runtime}"
    if backend.delegated_ops is not None:
        text += f", {backend.delegated_ops} of {backend.ops} operators delegated"
    if backend.adapter is not None:
        kind = "software" if backend.software else "hardware"
        text += f", {kind} adapter: {backend.adapter}"
        text += "; its times do not predict those of a GPU" if backend.software else ""
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
        "1st ms": lambda row: _median(row, "inference_s", "{:.2f}", 1000),
        "memory MiB": _memory,
        "images/s": _images,
    }
    lines = [f"{'model':<{width}}" + "".join(f"{name:>11}" for name in columns)]
    for row in result.models:
        cells = "".join(f"{cell(row):>11}" for cell in columns.values())
        lines.append(f"{row.name:<{width}}{cells}")
    lines.append(
        "operators: delegated of all; start: run time of a process that makes one prediction; 1st: "
        "first prediction; memory: peak above a bare Python process; images/s: best over batch "
        "sizes and threads"
    )
    return lines


def _or_dash(value: float | None, unit: float, form: str) -> str:
    return "-" if value is None else form.format(value / unit)


def _operators(row: ModelResult) -> str:
    backend = row.backend
    return "-" if backend.ops is None else f"{backend.delegated_ops}/{backend.ops}"


def _time(row: ModelResult, name: str) -> str:
    return "-" if row.latency is None else f"{getattr(row.latency.all_ms, name)():.3f}"


def _median(row: ModelResult, name: str, form: str, unit: float = 1) -> str:
    values = () if row.startup is None else getattr(row.startup, name)
    return form.format(unit * float(np.median(values))) if values else "-"


def memory_over_bare_mb(row: ModelResult) -> float | None:
    """Return the peak memory up to the first prediction above that of a bare process, in MiB."""
    if row.startup is None or not row.startup.peak_mb:
        return None
    return float(np.median(row.startup.peak_mb) - np.median(row.startup.bare_mb))


def _memory(row: ModelResult) -> str:
    return _or_dash(memory_over_bare_mb(row), 1, "{:.1f}")


def _images(row: ModelResult) -> str:
    best = max((float(np.median(t.images_per_s)) for t in row.throughput), default=None)
    return _or_dash(best, 1, "{:,.0f}")


def _stages(result: BenchmarkResult) -> list[str]:
    rows = [(row, found) for row in result.models for found in row.pipeline]
    if not rows:
        return []
    lines = ["", "pipeline stages, median ms, one thread"]
    for row, found in rows:
        medians = {stage: np.median(times) / 1e6 for stage, times in found.stages_ns.items()}
        size = "x".join(map(str, found.detection_wh)) if found.detection_wh else "its own size"
        stages = ", ".join(f"{stage} {ms:.2f}" for stage, ms in medians.items())
        lines.append(
            f"  {found.source} {'x'.join(map(str, found.image_wh))}, detection at {size}, "
            f"{row.name}: {stages}; {sum(medians.values()):.2f} in total"
        )
    return lines
