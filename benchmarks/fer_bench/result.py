"""What a benchmark found out, with every raw value, as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from fer_bench.delegates import Parity
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
        place: Where it ran: "CPU", or the GPU adapter, a software one called so.
        parity: Difference from the CPU's answers; None on the CPU.
        all: Scores on every face of the split.
        clean: Scores without the faces that have an exact copy in Training.
        latency: Raw times.
    """

    name: str
    sha256: str
    precision: str
    size_bytes: int
    place: str
    parity: Parity | None
    all: Scores
    clean: Scores
    latency: Latency


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """All rows of one run, measured in turns on one machine."""

    split: str
    data: str
    environment: dict[str, str]
    delegate: str
    threads: int
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
        if row.parity:
            lines.append(
                f"  on {row.place}; of {row.parity.faces} faces {row.parity.agreement:.1%} get the "
                f"CPU's label, logits differ by {row.parity.largest_difference:.2g} of their spread"
            )
    where = result.environment
    lines.append(
        f"delegate {result.delegate}, {result.threads} thread(s), {where['processor']} x "
        f"{where['cores']}, {where['system']}, Python {where['python']}, "
        f"LiteRT {where['ai-edge-litert']}"
    )
    return "\n".join(lines)
