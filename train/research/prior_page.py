"""Score the shipped models under each of their priors on labelled photos.

    python -m research.prior_page PACK.npz --out docs/results

PACK.npz is a face pack (`fer_sdk.evaluation.face_pack`) with the columns `label` and `split`. The
priors were fitted on its split `fit` by `fer-train fit-priors`; the page shows the split `report`.
"""

from pathlib import Path

import click

from fer_sdk._internal.files import write_beside
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.registry import shipped_int8
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.evaluation import face_pack
from fer_sdk.evaluation.pack_scores import SCORED, PackScores, score_pack

Row = tuple[str, str, PackScores]
"""Name of a model, name of a prior, scores on the split `report`."""


@click.command(cls=FerCommand)
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder for prior.md.")  # fmt: skip
def main(pack: Path, out: Path) -> None:
    """Score the shipped int8 models on the split `report` of PACK and write prior.md."""
    faces = face_pack.load(pack).subset("report")
    runs = [(model, prior) for model in shipped_int8()
            for prior in ModelBundle.load(model).different_priors]  # fmt: skip
    rows: list[Row] = []
    for model, prior in progress_bar(iterable=runs, unit=" models"):
        with ExpressionClassifier.load(model, prior=prior) as classifier:
            probabilities = classifier.probabilities(faces.pixels)
            scores = score_pack(faces.labels, probabilities, classifier.bundle.labels)
            rows.append((model.stem, prior, scores))
    command = f"python -m research.prior_page {pack.name}"
    with write_beside(out / "prior.md") as path:
        path.write_text(page(rows, command), encoding="utf-8")
    click.echo(str(out / "prior.md"))


def page(rows: list[Row], command: str) -> str:
    """Return the page as Markdown."""
    lines = [
        "# Class priors",
        "",
        "A model that was trained on FER2013 expects as many sad, angry and fearful faces as",
        "FER2013 has. On press photos, most of which show neutral and happy faces, it therefore",
        "calls most neutral faces negative. The [prior](../guides/prior.md) corrects for that.",
        "",
        f"{rows[0][2].n:,} faces of press photos (repository muxspace/facial_expressions, labelled",
        "by students), split `report`; the offsets were fitted on the other half, split `fit`.",
        f"Five labels have enough faces: {', '.join(SCORED)}. All of the model's labels are",
        "allowed as predictions.",
        "",
        f"| model | prior | right, % | balanced, % | {' | '.join(SCORED)} "
        "| neutral called negative, % | calibration error | confidence >= .9, % of faces "
        "| right among those, % |",
        "|---|---|---|---|" + len(SCORED) * "---|" + "---|---|---|---|",
    ]
    for model, prior, s in rows:
        sure = "-" if s.confident_accuracy is None else f"{100 * s.confident_accuracy:.1f}"
        lines.append(
            f"| `{model}` | `{prior}` | {100 * s.accuracy:.1f} | {100 * s.balanced_accuracy:.1f} "
            f"| {' | '.join(f'{100 * s.recalls[name]:.0f}' for name in SCORED)} "
            f"| {100 * s.neutral_called_negative:.1f} | {s.calibration_error:.3f} "
            f"| {100 * s.confident:.0f} | {sure} |"
        )
    lines += [
        "",
        "- right: share of all faces as they come; balanced: mean of the five recalls that follow.",
        "- neutral called negative: neutral faces called sad, angry, fearful or disgusted.",
        "- `training`: the class frequencies of the training data, as the network was published;",
        "  for networks that were trained on FER2013's labels it equals `fer2013`.",
        "",
        f"Made by `{command}` (train/research/prior_page.py).",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
