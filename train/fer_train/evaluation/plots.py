"""Plots of training runs, augmentations and scores."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk.errors import InputError
from fer_sdk.evaluation.metrics import CALIBRATION_BINS, Scores
from fer_sdk.evaluation.splits import SplitScores
from fer_train.evaluation.compare import RunSummary

mpl.use("Agg")
from matplotlib import pyplot as plt

BLUE, ORANGE, GREY = "#2563eb", "#ea580c", "#9ca3af"
PLOT_SUFFIXES = (".png", ".svg", ".pdf")


def draw_curves(history: Sequence[dict[str, float]], path: Path, title: str) -> None:
    """Plot loss and accuracy on deduplicated PublicTest over epochs.

    Args:
        history: Rows of history.json.
        path: Image to write.
        title: Title.
    """
    epochs = [row["epoch"] for row in history]
    with _figure(path, 8, 4.2) as (figure, axis):
        axis.plot(epochs, [row["loss"] for row in history], color=GREY, label="training loss")
        axis.set(xlabel="epoch", ylabel="training loss", title=title)
        right = axis.twinx()
        accuracy = [100 * row["public_deduplicated_accuracy"] for row in history]
        right.plot(epochs, accuracy, color=BLUE, label="deduplicated PublicTest")
        right.set_ylabel("deduplicated PublicTest accuracy, %")
        right.annotate(
            f"{accuracy[-1]:.1f} %", (epochs[-1], accuracy[-1]), textcoords="offset points",
            xytext=(-8, -16), ha="right", color=BLUE,
        )  # fmt: skip
        figure.legend(loc="outside lower center", ncols=2, frameon=False)


def draw_comparison(runs: Sequence[RunSummary], path: Path) -> None:
    """Plot training loss and accuracy on deduplicated PublicTest of several runs."""
    with _figure(path, 10, 4.2, columns=2) as (figure, axes):
        for run in runs:
            epochs = [row["epoch"] for row in run.history]
            axes[0].plot(epochs, [row["loss"] for row in run.history], label=run.name)
            axes[1].plot(epochs, [100 * row["public_deduplicated_accuracy"] for row in run.history])
        axes[0].set(xlabel="epoch", ylabel="training loss")
        axes[1].set(xlabel="epoch", ylabel="deduplicated PublicTest accuracy, %")
        figure.legend(loc="outside lower center", ncols=3, frameon=False)


def draw_bars(
    groups: dict[str, list[tuple[float, float]]], series: Sequence[str], path: Path, unit: str
) -> None:
    """Plot groups of bars with error bars.

    Args:
        groups: (height, error) of each bar, by the name of the group.
        series: Names of the bars of a group.
        path: Image to write.
        unit: Label of the y axis.
    """
    with _figure(path, 9, 4.2) as (figure, axis):
        width = 0.8 / len(series)
        places = np.arange(len(groups))
        for number, (name, color) in enumerate(zip(series, (GREY, BLUE, ORANGE), strict=False)):
            bars = [group[number] for group in groups.values()]
            axis.bar(
                places + (number - (len(series) - 1) / 2) * width,
                [height for height, _ in bars],
                width,
                yerr=[error for _, error in bars],
                color=color,
                label=name,
            )
        lowest = min(height for group in groups.values() for height, _ in group)
        axis.set_ylim(bottom=max(0, lowest - 5))
        axis.set_xticks(places, list(groups), rotation=20, ha="right", rotation_mode="anchor")
        axis.set_ylabel(unit)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)


def draw_augmentations(
    faces: NDArray[np.uint8], augmented: NDArray[np.uint8], path: Path, title: str
) -> None:
    """Draw one row per face: the face, then its augmentations.

    Args:
        faces: uint8 (n, height, width).
        augmented: uint8 (n, count, height, width).
        path: Image to write.
        title: Title.
    """
    rows = [np.hstack([face, *others]) for face, others in zip(faces, augmented, strict=True)]
    sheet = np.vstack(rows)
    with _figure(path, sheet.shape[1] / 60, sheet.shape[0] / 60 + 0.4) as (_, axis):
        axis.imshow(sheet, cmap="gray", vmin=0, vmax=255)
        axis.axvline(faces.shape[2] - 0.5, color=ORANGE)
        axis.set_title(title)
        axis.axis("off")


def draw_confusion(scores: Scores, path: Path, title: str) -> None:
    """Plot a confusion matrix: percent of the true class, and counts."""
    counts = np.array(scores.confusion)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = [c.label for c in scores.classes]
    with _figure(path, 6.4, 5.6) as (_, axis):
        axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
        ticks = range(len(labels))
        axis.set_xticks(ticks, labels, rotation=30)
        axis.set_yticks(ticks, [f"{c.label}\nn = {c.support}" for c in scores.classes])
        axis.set(xlabel="predicted", ylabel="true", title=title)
        for row in ticks:
            for column in ticks:
                axis.text(
                    column, row, f"{100 * share[row, column]:.0f}%\n{counts[row, column]}",
                    ha="center", va="center", fontsize=8,
                    color="white" if share[row, column] > 0.55 else "black",
                )  # fmt: skip


def draw_reliability(result: SplitScores, path: Path, title: str) -> None:
    """Plot accuracy and share of the faces by confidence, in bins of equal width."""
    confidence = result.probabilities.max(axis=1)
    right = result.probabilities.argmax(axis=1) == result.truth
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    count = np.bincount(bins, minlength=CALIBRATION_BINS)
    accuracy = np.bincount(bins, weights=right, minlength=CALIBRATION_BINS) / np.maximum(count, 1)
    centre = (np.arange(CALIBRATION_BINS) + 0.5) / CALIBRATION_BINS
    with _figure(path, 5.6, 5.0) as (figure, axis):
        width = 0.9 / CALIBRATION_BINS
        axis.bar(centre, count / count.sum(), width, color=GREY, label="share of faces")
        filled = count > 0
        axis.plot(centre[filled], accuracy[filled], "o-", color=BLUE, label="accuracy")
        axis.plot([0, 1], [0, 1], "--", color=ORANGE, label="perfectly calibrated")
        axis.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1), title=title)
        axis.text(0.03, 0.93, f"calibration error {result.all.calibration_error:.3f}")
        figure.legend(loc="outside lower center", ncols=3, frameon=False)


@contextmanager
def _figure(path: Path, width: float, height: float, columns: int = 1) -> Iterator[tuple[Any, Any]]:
    """Yield figure and axes of `width` x `height` inches; save the figure to `path` on success."""
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise InputError(f"{path} must end in {', '.join(PLOT_SUFFIXES)}")
    figure, axis = plt.subplots(1, columns, figsize=(width, height), layout="constrained")
    try:
        yield figure, axis
        with write_beside(path) as temporary:
            figure.savefig(temporary, dpi=120)
    finally:
        plt.close(figure)
