"""Plots of the model card: confusion matrix, reliability diagram, risk-coverage curve."""

from pathlib import Path
from typing import Any

import numpy as np

from fer_sdk._internal.files import write_beside
from fer_sdk.evaluation.metrics import Scores
from research.model_card_page import CardData


def draw(data: CardData, path: Path) -> None:
    """Draw the predictions of the int8 file on the deduplicated faces of the first protocol."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(14, 4.6), layout="constrained")
    accuracy = data.scored[0]
    _confusion(axes[0], accuracy.headline)
    bins = [b for b in accuracy.reliability if b.faces]
    axes[1].plot([0, 1], [0, 1], ":", color="black")
    axes[1].bar([b.confidence for b in bins], [b.faces / accuracy.headline.n for b in bins], 0.05,
                color="#9ca3af", label="share of faces")  # fmt: skip
    axes[1].plot([b.confidence for b in bins], [b.accuracy for b in bins], "o-", label="accuracy")
    axes[1].set(
        xlabel="confidence", xlim=(0, 1), ylim=(0, 1),
        title=f"expected calibration error {accuracy.headline.calibration_error:.3f}",
    )  # fmt: skip
    axes[1].legend(frameon=False)
    ordered = bins[::-1]  # highest confidence first
    covered = np.cumsum([b.faces for b in ordered])
    wrong = np.cumsum([b.faces * (1 - b.accuracy) for b in ordered])
    axes[2].plot(100 * covered / covered[-1], 100 * wrong / covered, "o-")
    axes[2].set(xlabel="coverage: most confident predictions, %", ylabel="risk: of these wrong, %",
                title="risk-coverage curve", ylim=(0, None))  # fmt: skip
    figure.suptitle(
        f"{data.name} int8, {accuracy.protocol}, deduplicated (n = {accuracy.headline.n})"
    )
    with write_beside(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


def _confusion(axis: Any, scores: Scores) -> None:
    counts = np.array(scores.confusion)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [c.label for c in scores.classes]
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    axis.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axis.set_yticks(range(len(names)), names)
    axis.set(xlabel="predicted", ylabel="true", title="% of each true class")
    for (row, column), value in np.ndenumerate(share):
        color = "white" if value > 0.55 else "black"
        axis.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=color)
