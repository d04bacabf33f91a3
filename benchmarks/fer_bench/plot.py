"""Accuracy against latency as a picture."""

from pathlib import Path

import matplotlib as mpl

from fer_bench.result import BenchmarkResult
from fer_sdk.files import write_beside

mpl.use("Agg")
from matplotlib import pyplot as plt

BLUE, GREY = "#2563eb", "#9ca3af"


def draw_accuracy_against_latency(result: BenchmarkResult, path: Path) -> None:
    """Draw one bubble a model: median latency, clean accuracy, area by bytes, bar to p90.

    Args:
        result: What `run_benchmark` measured.
        path: Picture to write.
    """
    figure, axis = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for row in result.models:
        median, late = row.latency.percentile_ms(50), row.latency.percentile_ms(90)
        accuracy = 100 * row.clean.accuracy
        axis.plot([median, late], [accuracy, accuracy], color=GREY)
        axis.scatter(median, accuracy, s=row.size_bytes / 4000, color=BLUE, alpha=0.6)
        axis.annotate(
            f"{row.name}\n{row.size_bytes / 1000:,.0f} kB", (median, accuracy),
            textcoords="offset points", xytext=(0, 18), ha="center", fontsize=8,
        )  # fmt: skip
    axis.margins(0.35)
    axis.set_xlim(left=0)
    low, high = axis.get_ylim()
    middle, half = (low + high) / 2, max((high - low) / 2, 2.5)  # or tenths of a point look large
    axis.set_ylim(middle - half, middle + half)
    axis.set(
        xlabel=f"ms a face, median (bar: to p90), {result.threads} thread(s), {result.delegate}",
        ylabel=f"accuracy on clean {result.split}, %",
        title=f"{result.environment['processor']}, n = {result.models[0].clean.n}",
    )
    try:
        with write_beside(path) as temporary:
            figure.savefig(temporary, dpi=120)
    finally:
        plt.close(figure)
