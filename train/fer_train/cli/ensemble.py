"""`fer-train ensemble`: soft-voting ensembles."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.sidecar import sidecar_of
from fer_sdk.cli.console import DATA_OPTION, progress_bar
from fer_sdk.evaluation import fer2013
from fer_train.cli.options import CACHE_OPTION

if TYPE_CHECKING:
    from fer_train.evaluation.prediction_cache import Tta

TTA_OPTION = click.option(
    "--tta",
    type=click.Choice(["none", "mirrored", "augmented"]),
    default="none",
    show_default=True,
    help="Test-time augmentations to average over: the face alone, with its mirror image, or "
    "twelve augmentations.",
)
MEMBERS_OPTION = click.option(
    "--members", type=click.IntRange(1), help="Number of members to select; default: all models."
)
OFFSETS_OPTION = click.option(
    "--offsets", is_flag=True, help="Fit offsets to the logits of each model."
)


@click.command()
@click.argument("models", nargs=-1, required=True, type=click.Path(path_type=Path))
@DATA_OPTION
@MEMBERS_OPTION
@click.option("--weighted", is_flag=True, help="Fit weights of all models; default: equal weights.")
@OFFSETS_OPTION
@TTA_OPTION
@CACHE_OPTION
@click.option("--save-predictions", type=click.Path(path_type=Path),
              help="Folder for one predictions file per model, which can replace the model in "
              "MODELS later.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files in --save-predictions.")
@click.option("--split", type=click.Choice(list(fer2013.SPLITS)), default="public",
              show_default=True, help="Split to evaluate; use private once, for a final "
              "ensemble.")  # fmt: skip
def ensemble(
    models: tuple[Path, ...],
    data: Path,
    members: int | None,
    weighted: bool,
    offsets: bool,
    tta: "Tta",
    cache: Path | None,
    save_predictions: Path | None,
    overwrite: bool,
    split: str,
) -> None:
    """Evaluate a soft-voting ensemble.

    Members and weights are selected on deduplicated PublicTest. MODELS are .keras, .tflite or .onnx
    files, or predictions files of --save-predictions.
    """
    from fer_train.evaluation.ensemble import evaluate_ensemble
    from fer_train.evaluation.evaluate import describe

    check_members(members, models, weighted)
    dataset = fer2013.load(data)
    if save_predictions is not None:
        models = _save_predictions(models, dataset, tta, cache, save_predictions, overwrite)
    with progress_bar(desc="predicting", unit=" splits") as bar:
        result = evaluate_ensemble(
            models, dataset, [split], size=members, weighted=weighted, offsets=offsets, tta=tta,
            cache=cache, report=bar.update,
        )  # fmt: skip
    for member in result.members:
        click.echo(
            f"{member.weight:.3f}  {member.model}  (alone {member.accuracy:.2%} of "
            "deduplicated PublicTest)"
        )
    click.echo(describe(result.scores[split]))


def check_members(members: int | None, models: tuple[Path, ...], weighted: bool = False) -> None:
    """Check `--members`.

    Raises:
        click.UsageError: If it exceeds the number of models or is combined with `--weighted`.
    """
    if members is None:
        return
    if weighted:
        raise click.UsageError("--members cannot be combined with --weighted")
    if members > len(models):
        raise click.UsageError(f"--members is {members}, but there are {len(models)} models")


def _save_predictions(
    models: tuple[Path, ...],
    data: fer2013.Fer2013,
    tta: "Tta",
    cache: Path | None,
    folder: Path,
    overwrite: bool,
) -> tuple[Path, ...]:
    """Write a predictions file for each model file; return the files in the models' order."""
    from fer_train.evaluation import prediction_cache

    paths = []
    for model in models:
        if model.suffix == prediction_cache.SUFFIX:
            paths.append(model)
            continue
        paths.append(folder / f"{model.parent.name}-{model.stem}{prediction_cache.SUFFIX}")
    written = [path for path, model in zip(paths, models, strict=True) if path != model]
    check_outputs(written, [*models, *map(sidecar_of, models)], overwrite=overwrite)
    with progress_bar(desc="predicting", unit=" splits") as bar:
        for model, path in zip(models, paths, strict=True):
            if model != path:
                predictions = prediction_cache.predict_test_splits(
                    model, data, tta, cache, bar.update
                )
                prediction_cache.save(predictions, path)
    return tuple(paths)
