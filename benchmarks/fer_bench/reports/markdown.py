"""A benchmark report as Markdown with PNG plots."""

from pathlib import Path

from fer_bench.reports.curves import curves_of, write_curves
from fer_bench.reports.figures import write_png
from fer_bench.reports.sections import describe_run, sections_of
from fer_bench.reports.tables import Table
from fer_bench.results.schema import BenchmarkResult
from fer_sdk._internal.files import write_beside

PAGE_FILE = "benchmark.md"
CURVES_FILE = "benchmark-curves.json"
_ORIGIN = (
    "Written by `make benchmark` (`fer-bench --report FOLDER`, source: "
    "`benchmarks/fer_bench/reports/`). `python -m research.redraw_benchmark FOLDER` draws the "
    f"plots of accuracy and latency again from [{CURVES_FILE}]({CURVES_FILE})."
)


def write_report(result: BenchmarkResult, folder: Path, peers: BenchmarkResult | None) -> None:
    """Write benchmark.md, its plots and `CURVES_FILE` into a folder.

    Args:
        result: Result of a benchmark.
        folder: Created if missing.
        peers: Result of `peers.measure`, or None.

    Raises:
        OutputError: If a file cannot be written.
    """
    lines = ["# Benchmark", "", describe_run(result), "", _ORIGIN]
    for section in sections_of(result, peers):
        lines += ["", f"## {section.title}"]
        for line in section.lines:
            lines += ["", line]
        if section.plot is not None:
            name = f"benchmark-{section.plot.name}.png"
            write_png(section.plot, folder / name)
            lines += ["", f"![{section.plot.title}]({name})"]
        if section.table is not None:
            lines += ["", *_table(section.table)]
    write_curves(curves_of([row for row in result.models if not row.peer]), folder / CURVES_FILE)
    with write_beside(folder / PAGE_FILE) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(table: Table) -> list[str]:
    return [
        "| " + " | ".join(table.head) + " |",
        "|---" * len(table.head) + "|",
        *("| " + " | ".join(row) + " |" for row in table.rows),
    ]
