"""`fer-train study` and `show`: ways to train, side by side."""

from pathlib import Path

import click
from tqdm import tqdm

from fer_sdk._internal.extras import require
from fer_sdk.cli.console import DATA_OPTION
from fer_sdk.evaluation import fer2013
from fer_train.configs import RECIPES


@click.command()
@click.argument("name", type=click.Choice(["imbalance", "ferplus", "landmarks", "distillation"]))
@DATA_OPTION
@click.option("--mesh", type=click.Path(path_type=Path), default=Path("data/mesh.npz"),
              show_default=True, help="What `fer-train mesh` wrote, for landmarks.")  # fmt: skip
@click.option("--soft-labels", type=click.Path(path_type=Path),
              default=Path("train/soft_labels.npz"), show_default=True,
              help="What `fer-train soft-labels` wrote, for distillation.")  # fmt: skip
@click.option("--runs", type=click.Path(path_type=Path),
              help="Where the runs live; finished ones are kept. Default: runs/NAME.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True)  # fmt: skip
def study(
    name: str, data: Path, mesh: Path, soft_labels: Path, runs: Path | None, out: Path
) -> None:
    """Compare ways to train on a cheap network, a few seeds each; write a page and a picture."""
    require("train", "the study", "keras", "matplotlib", "imblearn")
    dataset = fer2013.load(data)
    from fer_train.data.soft_labels import load
    from fer_train.evaluation.plots import draw_bars
    from research import training_studies
    from research.study import mean_and_spread, run_study, write_page

    chosen = training_studies.study(name, mesh)
    taught = any(variant.recipe.soft_weight for variant in chosen.variants.values())
    soft = load(soft_labels, dataset) if taught else None
    with tqdm(total=len(chosen.variants) * len(chosen.seeds), unit=" runs") as bar:

        def report(variant: str) -> None:
            bar.set_description(variant, refresh=False)
            bar.update()

        outcomes = run_study(chosen, dataset, runs or Path("runs") / name, soft, report)
    write_page(chosen, outcomes, out / f"{name}.md")
    groups = {
        outcome.variant: [
            mean_and_spread(outcome.scores, "accuracy"),
            mean_and_spread(outcome.offset, "accuracy"),
            mean_and_spread(outcome.scores, "balanced_accuracy"),
        ]
        for outcome in outcomes
    }
    series = ("accuracy", "accuracy with offsets", "balanced accuracy")
    draw_bars(groups, series, out / f"{name}.png", "%")
    click.echo(str(out / f"{name}.md"))


@click.command()
@click.argument("recipe", type=click.Choice(list(RECIPES)))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("views.png"),
              show_default=True)  # fmt: skip
def show(recipe: str, data: Path, out: Path) -> None:
    """Draw random views of a few Training faces as RECIPE makes them."""
    require("train", "drawing views", "keras", "matplotlib")
    dataset = fer2013.load(data)
    from fer_train.data.augmentations import example_views
    from fer_train.evaluation.plots import draw_views

    faces = dataset.pixels[dataset.rows(fer2013.TRAINING, deduplicated=True)[:8]]
    views = example_views(faces, RECIPES[recipe].augmentation, count=10)
    draw_views(faces, views, out, f"{recipe}: a face, then views of it")
    click.echo(str(out))
