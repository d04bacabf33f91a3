"""The comparison with other packages as a Markdown page and a picture.

    python -m peers.page docs/results

draws both again from the folder's peers.json.
"""

from pathlib import Path

import click
import numpy as np

from fer_bench.reports.accuracy_plot import write_accuracy_latency
from fer_bench.results.schema import BenchmarkResult, ModelResult, PipelineTimes
from fer_bench.results.statistics import ratio
from fer_bench.results.storage import read_json
from fer_sdk._internal.files import write_beside
from fer_sdk.cli.console import FerCommand


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Write peers.md and accuracy-latency.png from peers.json in FOLDER."""
    write_page(read_json(folder / "peers.json"), folder)
    click.echo(folder / "peers.md")


def write_page(result: BenchmarkResult, folder: Path) -> None:
    """Write peers.md and accuracy-latency.png.

    Args:
        result: Result of `peers.measure`, FER SDK's models first.
        folder: Created if missing.

    Raises:
        OutputError: If a file cannot be written.
    """
    lines = [*_introduction(result), "", *_table(result), "", *_ratios(result), ""]
    with write_beside(folder / "peers.md") as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")
    write_accuracy_latency(result, folder / "accuracy-latency.png")


def _introduction(result: BenchmarkResult) -> list[str]:
    machine = result.environment
    return [
        "# Comparison with other packages",
        "",
        "Written by `make peers` (`python -m peers.measure`, source: `benchmarks/peers/`). "
        "`python -m peers.page docs/results` draws page and picture again from "
        "[peers.json](peers.json).",
        "",
        f"All packages classify the same {result.dataset}; their rounds are interleaved. FER SDK "
        "runs on one thread, other packages with their default number of threads. Machine: "
        f"{machine['processor']} with {machine['cores']} cores, load average "
        f"{result.load_average:.1f} before the run.",
        "",
        "![Accuracy against inference time](accuracy-latency.png)",
        "",
        "- Clean: accuracy without the faces that have an exact copy in Training (deduplicated).",
        "- Network: inference of one face, median.",
        "- Photo: one call on a decoded 640x480 photo with one face, detection included, median.",
        "- Start: run time of a fresh process up to its first prediction on that photo.",
        "- Peak: highest resident memory of that process.",
    ]


def _table(result: BenchmarkResult) -> list[str]:
    lines = [
        "| | network bytes | all % | clean % | macro F1 | network ms | photo ms | import s "
        "| start s | peak MiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in result.models:
        own, start = row.accuracy[0], row.startup
        assert row.latency is not None
        assert start is not None
        assert own.deduplicated is not None
        sample = "" if own.all.n == own.available else f" (n = {own.all.n})"
        photo = "<br>".join(_photo(times) for times in row.pipeline) or "no face detector"
        cells = [
            row.name,
            f"{row.size_bytes:,}",
            f"{100 * own.all.accuracy:.2f}{sample}",
            f"{100 * own.deduplicated.accuracy:.2f}",
            f"{own.deduplicated.macro_f1:.4f}",
            f"{row.latency.percentile_ms(50):.3f}",
            photo,
            f"{np.median(start.import_s):.2f}",
            f"{np.median(start.total_s):.2f}",
            f"{np.median(start.peak_mb):.0f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    lines += [f"- {row.name}: {'; '.join(row.notes)}" for row in result.models if row.notes]
    return lines


def _median_ms(times: PipelineTimes) -> float:
    return float(np.median(times.stages_ns["total"])) / 1e6


def _size(times: PipelineTimes) -> str:
    return "" if times.detection_wh is None else " at " + "x".join(map(str, times.detection_wh))


def _photo(times: PipelineTimes) -> str:
    faces = times.faces // len(times.stages_ns["total"])
    return f"{_median_ms(times):.2f}{_size(times)}, {faces} found"


def _ratios(result: BenchmarkResult) -> list[str]:
    others = [row for row in result.models if row.peer]
    lines = []
    for ours in result.models:
        if ours.peer:
            continue
        lines += [
            f"## Multiples of {ours.name}",
            "",
            f"Costs of each package divided by those of `{ours.name}`, with the 95 % interval over "
            "rounds for the network; difference of the deduplicated accuracy in points.",
            "",
            "| | network | photo | start | peak memory | accuracy |",
            "|---|---|---|---|---|---|",
            *(_ratio_line(ours, other) for other in others),
            "",
        ]
    return lines[:-1]


def _ratio_line(ours: ModelResult, other: ModelResult) -> str:
    assert ours.latency is not None
    assert other.latency is not None
    assert ours.startup is not None
    assert other.startup is not None
    network, low, high = ratio(ours.latency, other.latency, 50, paired=True)
    photo = "-"
    if other.pipeline:
        theirs = _median_ms(other.pipeline[0])
        photo = ", ".join(f"{theirs / _median_ms(own):.1f}{_size(own)}" for own in ours.pipeline)
    start = np.median(other.startup.total_s) / np.median(ours.startup.total_s)
    memory = np.median(other.startup.peak_mb) / np.median(ours.startup.peak_mb)
    points = other.accuracy[0].headline.accuracy - ours.accuracy[0].headline.accuracy
    cells = [other.name, f"{network:.2f} ({low:.2f} - {high:.2f})", photo, f"{start:.1f}",
             f"{memory:.1f}", f"{100 * points:+.2f}"]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
