"""LiteRT's `benchmark_model` on a device. It reports summary statistics, no raw times."""

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
    """Times of one model reported by benchmark_model, in microseconds.

    Attributes:
        runs: Number of timed inferences, after warm-up.
        init_us: Loading of the model.
        first_us: First inference.
        mean_us: Mean of the timed inferences.
        min_us: Minimum.
        max_us: Maximum.
        std_us: Standard deviation.
        median_us: Median; None if the tool is too old to report it.
        p95_us: 95th percentile; None if the tool is too old to report it.
        memory_mb: Approximate growth of the tool's memory; None if not reported.
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
    """Times of one model on one device."""

    name: str
    sha256: str
    threads: int
    times: ToolTimes


def run_tool(
    device: Device,
    models: Sequence[Path],
    threads: int,
    progress: Callable[[int], None] = lambda models: None,
) -> list[ToolResult]:
    """Copy each model to the device, time it and delete it there.

    Args:
        device: Device with benchmark_model at `TOOL`.
        models: .tflite files.
        threads: Number of CPU threads.
        progress: Called with 1 after each model.

    Raises:
        InputError: If the tool is not on the device, or a model is not a .tflite file.
        RuntimeFailure: If adb or the tool fails.
    """
    for model in models:
        if model.suffix != ".tflite":
            raise InputError(f"benchmark_model runs .tflite models, but got {model.name}")
    if not device.has(TOOL):
        raise InputError(
            f"LiteRT's benchmark_model is not on {device.serial}: adb push benchmark_model {TOOL} "
            f"&& adb shell chmod +x {TOOL}; or omit the models to run the demo app's benchmark"
        )
    results = []
    for model in models:
        target = f"{FOLDER}/fer-bench.tflite"
        device.push(model, target)
        try:
            # Some versions write their log to stderr.
            command = f"{TOOL} --graph={target} --num_threads={threads} --num_runs=200 2>&1"
            times = parse_times(device.shell(command))
        finally:
            device.shell("rm", "-f", target)
        results.append(ToolResult(model.name, sha256_of(model), threads, times))
        progress(1)
    return results


def parse_times(printed: str) -> ToolTimes:
    """Parse the output of benchmark_model.

    Raises:
        RuntimeFailure: If the output contains no statistics.
    """
    # One such line for the warm-up, then one for the timed inferences.
    statistics = re.findall(r"\bcount=\d+ .*", printed)
    summary = re.search(r"Init: ([\d.e+]+), First inference: ([\d.e+]+)", printed)
    if not statistics or summary is None:
        lines = printed.strip().splitlines() or ["nothing"]
        raise RuntimeFailure(
            f"benchmark_model printed no statistics; its last line is: {lines[-1]}"
        )
    value = dict(re.findall(r"(\w+)=([\d.e+]+)", statistics[-1]))
    memory = re.search(r"[Mm]emory footprint.*overall=([\d.]+)", printed)

    def number(name: str) -> float:
        if name not in value:  # a single inference has no statistics
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
    """Write the results and the device's description as JSON."""
    found = {"schema": SCHEMA, "device": device, "models": [asdict(r) for r in results]}
    with write_beside(path) as temporary:
        temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def table(device: dict[str, str], results: Sequence[ToolResult]) -> str:
    """Return the results as text, one line per model."""
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
