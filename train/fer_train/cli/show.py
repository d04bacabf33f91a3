"""`fer-train show`: the augmentation of a recipe as a picture."""

from pathlib import Path

import click

from fer_sdk._internal.extras import require
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.cli.console import DATA_OPTION
from fer_sdk.evaluation import fer2013
from fer_train.configs import RECIPES


@click.command()
@click.argument("recipe", type=click.Choice(list(RECIPES)))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("augmentations.png"),
              show_default=True, help="Picture to write.")  # fmt: skip
def show(recipe: str, data: Path, out: Path) -> None:
    """Draw random augmentations of eight Training faces by RECIPE."""
    check_outputs([out], [data])
    require("train", "drawing augmentations", "keras", "matplotlib")
    dataset = fer2013.load(data)
    from fer_train.data.augmentations import example_augmentations
    from fer_train.evaluation.plots import draw_augmentations

    faces = dataset.pixels[dataset.rows(fer2013.TRAINING, deduplicated=True)[:8]]
    augmented = example_augmentations(faces, RECIPES[recipe].augmentation, count=10)
    draw_augmentations(faces, augmented, out, f"{recipe}: faces and their augmentations")
    click.echo(str(out))
