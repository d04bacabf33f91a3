"""The page docs/results/ensemble.md: an equally weighted ensemble and its scores.

    python -m research.ensemble_page train/predictions/*.npz --tta augmented --offsets --members 5

Reads PrivateTest.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.evaluation import fer2013
from fer_train.cli.ensemble import MEMBERS_OPTION, OFFSETS_OPTION, TTA_OPTION, check_members
from fer_train.cli.options import CACHE_OPTION
from fer_train.evaluation.ensemble import EnsembleScores, evaluate_ensemble
from fer_train.evaluation.prediction_cache import model_reference

if TYPE_CHECKING:
    from fer_train.evaluation.prediction_cache import Tta

_TTA = {
    "none": "without test-time augmentation",
    "mirrored": "each averaged over the face and its mirror image",
    "augmented": "each averaged over twelve test-time augmentations",
}


@click.command(cls=FerCommand)
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@DATA_OPTION
@MEMBERS_OPTION
@OFFSETS_OPTION
@TTA_OPTION
@CACHE_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results/ensemble.md"),
              show_default=True, help="Page to write; its picture lies beside it.")  # fmt: skip
def main(
    models: tuple[Path, ...],
    data: Path,
    members: int | None,
    offsets: bool,
    tta: "Tta",
    cache: Path | None,
    out: Path,
) -> None:
    """Evaluate a soft-voting ensemble of MODELS on all splits and write the page."""
    require("train", "drawing", "matplotlib")
    check_members(members, models)
    with progress_bar(desc="predicting", unit=" splits") as bar:
        result = evaluate_ensemble(
            models, fer2013.load(data), list(fer2013.SPLITS), size=members, offsets=offsets,
            tta=tta, cache=cache, report=bar.update,
        )  # fmt: skip
    method = (
        f"{len(result.members)} of {len(models)} networks, {_TTA[tta]}"
        f"{', with offsets added to the logits of each network' if offsets else ''}."
    )
    write_page(result, method, out)
    click.echo(str(out))


def write_page(result: EnsembleScores, method: str, path: Path) -> None:
    """Write the page as Markdown, and the confusion matrix beside it with the suffix .png.

    Args:
        result: Ensemble with scores of every split.
        method: How predictions were made and combined, a sentence.
        path: File to write.
    """
    from fer_train.evaluation.plots import draw_confusion

    private = result.scores["private"].deduplicated
    draw_confusion(private, path.with_suffix(".png"),
                   f"Ensemble, deduplicated PrivateTest (n = {private.n})")  # fmt: skip
    lines = [
        "# Ensemble",
        "",
        f"Soft voting with equal weights: {method}",
        "",
        "Made by `python -m research.ensemble_page train/predictions/*.npz --tta augmented "
        "--offsets --members 5`; the folder holds the networks' cached predictions.",
        "",
        "Percent. Clean: without the faces that have an exact copy in Training. The "
        "members were selected and the offsets fitted on deduplicated PublicTest, so scores on it "
        "are optimistic. PrivateTest was read once, for the selected ensemble.",
        "",
        "| faces | n | accuracy | weighted accuracy | macro F1 | top-2 | top-3 "
        "| calibration error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for scores in result.scores.values():
        for kind, each in (("all", scores.all), ("clean", scores.deduplicated)):
            rates = (each.accuracy, each.balanced_accuracy, each.macro_f1, each.top2, each.top3)
            cells = " | ".join(f"{100 * rate:.2f}" for rate in rates)
            lines.append(f"| {scores.split}, {kind} | {each.n:,} | {cells} "
                         f"| {each.calibration_error:.3f} |")  # fmt: skip
    lines += [
        "",
        "| weight | member | PublicTest, clean, alone | minutes | hardware | sha256 |",
        "|---|---|---|---|---|---|",
    ]
    for member in result.members:
        model = model_reference(member.model)
        lines.append(
            f"| {member.weight:.3f} | {model.name} | {100 * member.accuracy:.2f} "
            f"| {model.source.get('minutes', '')} | {model.source.get('hardware', '')} "
            f"| {model.sha256[:12]} |"
        )
    lines += ["", f"![confusion matrix]({path.stem}.png)", ""]
    with write_beside(path) as temporary:
        temporary.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
