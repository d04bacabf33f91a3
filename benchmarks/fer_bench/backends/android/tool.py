"""LiteRT's own `benchmark_model` on a device: its summary, for it keeps no raw values."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fer_bench.backends.android.device import Device
from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk.errors import InputError, RuntimeFailure

SCHEMA: Final = 1
FOLDER: Final = "/data/local/tmp"
TOOL: Final = f"{FOLDER}/benchmark_model"


@dataclass(frozen=True, slots=True)
class ToolTimes:
    """What benchmark_model says of one model, in microseconds.

    Attributes:
        runs: Timed answers, after warm-up.
        init_us: Loading.
        first_us: First answer of all.
        mean_us: Of the timed answers; with min, max and standard deviation.
        min_us: Least.
        max_us: Most.
        std_us: Standard deviation.
        median_us: None where the tool is too old to tell.
        p95_us: None where the tool is too old to tell.
        memory_mb: Growth of its memory, "approximate" in its own words; None if not told.
    """

    runs: int
    init_us: float
    first_us: float
    mean_us: float
    min_us: float
    max_us: float
    std_us: float
    median_us: float | None
    p95_us: float | None
    memory_mb: float | None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """One model on one device."""

    name: str
    sha256: str
    threads: int
    times: ToolTimes


def run_tool(
    device: Device,
    models: Sequence[Path],
    threads: int,
    report: Callable[[int], None] = lambda models: None,
) -> list[ToolResult]:
    """Push each model, time it, delete it there.

    Args:
        device: With benchmark_model at `TOOL`.
        models: .tflite files.
        threads: CPU threads.
        report: Told about every model.

    Raises:
        InputError: If the tool is not on the device, or a model is no .tflite file.
        RuntimeFailure: If adb or the tool fails.
    """
    for model in models:
        if model.suffix != ".tflite":
            raise InputError(f"benchmark_model runs .tflite models, but got {model.name}")
    if not device.has(TOOL):
        raise InputError(
            f"LiteRT's benchmark_model is not on {device.serial}: adb push benchmark_model {TOOL} "
            f"&& adb shell chmod +x {TOOL}; or name no model to run the demo app's own benchmark"
        )
    results = []
    for model in models:
        target = f"{FOLDER}/fer-bench.tflite"
        device.push(model, target)
        try:
            # Some versions write their log to stderr.
            words = f"{TOOL} --graph={target} --num_threads={threads} --num_runs=200 2>&1"
            times = parse_times(device.shell(words))
        finally:
            device.shell("rm", "-f", target)
        results.append(ToolResult(model.name, sha256_of(model), threads, times))
        report(1)
    return results


def parse_times(printed: str) -> ToolTimes:
    """Read what benchmark_model printed.

    Raises:
        RuntimeFailure: If its statistics are not there.
    """
    # One such line for the warm-up, then one for the timed answers.
    statistics = re.findall(r"\bcount=\d+ .*", printed)
    summary = re.search(r"Init: ([\d.e+]+), First inference: ([\d.e+]+)", printed)
    if not statistics or summary is None:
        said = printed.strip().splitlines() or ["nothing"]
        raise RuntimeFailure(f"benchmark_model gave no statistics; it said: {said[-1]}")
    value = dict(re.findall(r"(\w+)=([\d.e+]+)", statistics[-1]))
    memory = re.search(r"[Mm]emory footprint.*overall=([\d.]+)", printed)

    def number(name: str) -> float:
        if name not in value:  # a single answer has no spread
            return 0.0 if name == "std" else float(value["curr"])
        return float(value[name])

    return ToolTimes(
        runs=int(value["count"]),
        init_us=float(summary[1]),
        first_us=float(summary[2]),
        mean_us=number("avg"),
        min_us=number("min"),
        max_us=number("max"),
        std_us=number("std"),
        median_us=float(value["median"]) if "median" in value else None,
        p95_us=float(value["p95"]) if "p95" in value else None,
        memory_mb=float(memory[1]) if memory else None,
    )


def write_json(device: dict[str, str], results: Sequence[ToolResult], path: Path) -> None:
    """Write the results with the device's description."""
    found = {"schema": SCHEMA, "device": device, "models": [asdict(r) for r in results]}
    with write_beside(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def table(device: dict[str, str], results: Sequence[ToolResult]) -> str:
    """Return the results as text, one line a model."""
    columns = ("runs", "init", "first", "mean", "min", "max", "std", "median", "p95")
    lines = [f"{'ms':<34}" + "".join(f"{name:>9}" for name in columns)]
    for result in results:
        times = result.times
        shown = (times.init_us, times.first_us, times.mean_us, times.min_us, times.max_us,
                 times.std_us, times.median_us, times.p95_us)  # fmt: skip
        cells = "".join(f"{'-' if us is None else f'{us / 1000:.3f}':>9}" for us in shown)
        lines.append(f"{result.name:<34}{times.runs:>9}{cells}")
    threads = results[0].threads
    lines.append(f"LiteRT's benchmark_model, {threads} thread(s), on {describe(device)}")
    return "\n".join(lines)


def describe(device: dict[str, str]) -> str:
    """Return a device's description as one line."""
    return ", ".join(f"{name} {value}" for name, value in device.items() if value)
