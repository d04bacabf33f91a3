"""What a benchmark found out, with every raw value, as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fer_bench.latency import Latency
from fer_sdk.files import write_beside
from fer_sdk.metrics import Scores

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model's row.

    Attributes:
        name: File name.
        sha256: Of the file.
        precision: As its sidecar states.
        size_bytes: Of the file.
        runtime: Name of the runtime.
        threads: CPU threads.
        all: Scores on every face of the split.
        clean: Scores without the faces that have an exact copy in Training.
        latency: Raw times.
    """

    name: str
    sha256: str
    precision: str
    size_bytes: int
    runtime: str
    threads: int
    all: Scores
    clean: Scores
    latency: Latency


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """All rows of one run, measured in turns on one machine."""

    split: str
    data: str
    environment: dict[str, str]
    models: tuple[ModelResult, ...]


def write_json(result: BenchmarkResult, path: Path) -> None:
    """Write a result with its raw values."""
    with write_beside(path) as temporary:
        temporary.write_text(
            json.dumps({"schema": SCHEMA, **asdict(result)}, indent=1) + "\n", encoding="utf-8"
        )


def table(result: BenchmarkResult) -> str:
    """Return the result as text, one line a model."""
    first = result.models[0]
    lines = [
        f"{result.split}: all n = {first.all.n}, clean n = {first.clean.n} "
        "(clean: without faces that are also in Training)",
        f"{'model':<30}{'bytes':>10}{'all':>8}{'clean':>8}{'macro F1':>10}{'ECE':>7}"
        f"{'p50 ms':>9}{'p90 ms':>9}{'p99 ms':>9}",
    ]
    for row in result.models:
        lines.append(
            f"{row.name:<30}{row.size_bytes:>10,}{100 * row.all.accuracy:>8.2f}"
            f"{100 * row.clean.accuracy:>8.2f}{row.clean.macro_f1:>10.4f}"
            f"{row.clean.calibration_error:>7.3f}"
            + "".join(f"{row.latency.percentile_ms(p):>9.3f}" for p in (50, 90, 99))
            + ("  unstable" if row.latency.unstable else "")
        )
    where = result.environment
    lines.append(
        f"{first.runtime}, {first.threads} thread(s), {where['processor']} x {where['cores']}, "
        f"{where['system']}, Python {where['python']}, LiteRT {where['ai-edge-litert']}"
    )
    return "\n".join(lines)
