"""Score the shipped models under each of their priors on labelled photos.

    python -m research.prior_page PACK.npz --out docs/results

PACK.npz is a face pack (`fer_sdk.evaluation.face_pack`) with the columns `label` and `split`. The
priors were fitted on its split `fit` by `fer-train fit-priors`; the page shows the split `report`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.prior import TRAINING
from fer_sdk.bundles.registry import find_model
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.evaluation import face_pack
from fer_sdk.evaluation.metrics import calibration_error
from fer_train.evaluation.priors import SCORED

NETWORKS: Final = ("nano", "small", "base", "base-ferplus")
NEGATIVE: Final = ("sad", "angry", "fear", "disgust")


@dataclass(frozen=True, slots=True)
class Row:
    """Scores of one model under one prior on the split `report`, in percent but for the error.

    `recalls` has one value for each label of `SCORED`, in that order.
    """

    model: str
    prior: str
    accuracy: float
    balanced: float
    recalls: tuple[float, ...]
    neutral_called_negative: float
    calibration_error: float
    sure: float
    right_when_sure: float


def score(
    model: str,
    prior: str,
    probabilities: NDArray[np.float64],
    truth: NDArray[np.str_],
    labels: tuple[str, ...],
) -> Row:
    """Score predictions.

    Args:
        model: Name of the model.
        prior: Name of the prior.
        probabilities: float64 (n, len(labels)).
        truth: Labels (n,), all in `SCORED`.
        labels: Those of the model.
    """
    predicted = np.array(labels)[probabilities.argmax(axis=1)]
    right, sure = predicted == truth, probabilities.max(axis=1) >= 0.9
    numbers = np.array([labels.index(label) for label in truth])
    recalls = tuple(100 * float(right[truth == label].mean()) for label in SCORED)
    return Row(
        model=model,
        prior=prior,
        accuracy=100 * float(right.mean()),
        balanced=float(np.mean(recalls)),
        recalls=recalls,
        neutral_called_negative=100
        * float(np.isin(predicted[truth == "neutral"], NEGATIVE).mean()),
        calibration_error=calibration_error(numbers, probabilities),
        sure=100 * float(sure.mean()),
        right_when_sure=100 * float(right[sure].mean()) if sure.any() else float("nan"),
    )


@click.command(cls=FerCommand)
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder for prior.md.")  # fmt: skip
def main(pack: Path, out: Path) -> None:
    """Score the shipped int8 models on the split `report` of PACK and write prior.md."""
    faces = face_pack.load(pack).subset("report")
    scored = np.isin(faces.labels, SCORED)
    pixels, truth = faces.pixels[scored], faces.labels[scored]
    models = [find_model(f"{network}-int8") for network in NETWORKS]
    runs = [(model, prior) for model in models
            for prior in (TRAINING, *ModelBundle.load(model).priors)]  # fmt: skip
    rows = []
    for model, prior in progress_bar(runs, unit=" models"):
        with ExpressionClassifier.load(model, prior=prior) as classifier:
            probabilities = classifier.probabilities(pixels)
            rows.append(score(model.stem, prior, probabilities, truth, classifier.bundle.labels))
    command = f"python -m research.prior_page {pack.name}"
    with write_beside(out / "prior.md") as path:
        path.write_text(page(rows, len(pixels), command))
    click.echo(str(out / "prior.md"))


def page(rows: list[Row], faces: int, command: str) -> str:
    """Return the page as Markdown."""
    lines = [
        "# Class priors",
        "",
        "A model that was trained on FER2013 expects as many sad, angry and fearful faces as",
        "FER2013 has. On press photos, most of which show neutral and happy faces, it therefore",
        "calls most neutral faces negative. The [prior](../guides/prior.md) corrects for that.",
        "",
        f"{faces:,} faces of press photos (repository muxspace/facial_expressions, labelled by",
        "students), split `report`; the offsets were fitted on the other half, split `fit`. Five",
        f"labels have enough faces: {', '.join(SCORED)}. All of the model's labels are",
        "allowed as predictions.",
        "",
        f"| model | prior | right, % | balanced, % | {' | '.join(SCORED)} "
        "| neutral called negative, % | calibration error | confidence >= .9, % of faces "
        "| right among those, % |",
        "|---|---|---|---|" + len(SCORED) * "---|" + "---|---|---|---|",
    ]
    lines += [
        f"| `{r.model}` | `{r.prior}` | {r.accuracy:.1f} | {r.balanced:.1f} "
        f"| {' | '.join(f'{recall:.0f}' for recall in r.recalls)} "
        f"| {r.neutral_called_negative:.1f} | {r.calibration_error:.3f} | {r.sure:.0f} "
        f"| {r.right_when_sure:.1f} |"
        for r in rows
    ]
    lines += [
        "",
        "- right: share of all faces as they come; balanced: mean of the five recalls that follow.",
        "- neutral called negative: neutral faces called sad, angry, fearful or disgusted.",
        "- `training`: the class frequencies of the training data, as the network was published.",
        "",
        f"Made by `{command}` (train/research/prior_page.py).",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
