"""`fer-train soft-labels`: predictions of teachers for distillation."""

from pathlib import Path
from typing import Final

import click

from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.sidecar import sidecar_of
from fer_sdk.cli.console import DATA_OPTION, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013
from fer_train.cli.options import CACHE_OPTION
from fer_train.configs.augmentations import TEACHER_AUGMENTATION

TEACHERS: Final = Path(__file__).parents[2] / "teachers"
"""Teachers of FER+'s classes that the repository holds."""


def shipped_teachers() -> list[Path]:
    """Return the teachers of FER+'s classes in the repository.

    Raises:
        InputError: If the package was installed without them.
    """
    found = sorted(TEACHERS.glob("*.tflite"))
    if not found:
        raise InputError(
            f"--teacher shipped needs the folder {TEACHERS}, which only the repository has: clone "
            "it and install it by `pip install -e .`, or name the files of teachers"
        )
    return found


@click.command("soft-labels")
@click.argument("models", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--teacher",
    type=click.Choice(["shipped"]),
    help="Also use the teachers in the repository's folder train/teachers.",
)
@DATA_OPTION
@click.option("--faces", type=click.Path(path_type=Path),
              help="Imported faces. Default: FER2013's Training faces.")  # fmt: skip
@click.option("--augmentations", type=click.IntRange(1), default=30, show_default=True,
              help="Augmentations per face; the first is the unchanged face.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("soft_labels.npz"),
              show_default=True, help="File to write.")  # fmt: skip
@click.option(
    "--prior",
    default="training",
    show_default=True,
    help="Class prior of the teachers' predictions: a name in their sidecars.",
)
@click.option("--smiles", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Weight of the measured smiles of imported faces in the division between happy "
              "and neutral.")  # fmt: skip
@CACHE_OPTION
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
def soft_labels(
    models: tuple[Path, ...],
    teacher: str | None,
    data: Path,
    faces: Path | None,
    augmentations: int,
    out: Path,
    prior: str,
    smiles: float,
    cache: Path | None,
    overwrite: bool,
) -> None:
    """Write soft labels: the mean predictions of MODELS for augmented faces."""
    from fer_train.data import imported_faces
    from fer_train.data.soft_labels import save
    from fer_train.training.distillation import predict_with_teachers

    if teacher:
        models = (*models, *shipped_teachers())
    if not models:
        raise click.UsageError("soft labels need MODELS or --teacher shipped")
    check_outputs([out], [*models, *map(sidecar_of, models), data, faces], overwrite=overwrite)
    if faces is None:
        dataset = fer2013.load(data)
        pixels = dataset.pixels[dataset.rows(fer2013.TRAINING, deduplicated=True)]
        fingerprint = dataset.fingerprint
    else:
        imported = imported_faces.load(faces)
        pixels, fingerprint = imported.pixels, imported.fingerprint
    measured = None
    if smiles:
        if faces is None or "smile" not in imported.columns:
            raise InputError(
                f"--smiles needs --faces with measured smiles, but {faces or 'FER2013'} has none: "
                "import a pack with MediaPipe's blendshapes, or leave the option out"
            )
        measured = imported.columns["smile"], smiles
    total = augmentations * len(models)
    with progress_bar(total=total, desc="predicting", unit=" augmentations") as bar:
        labels = predict_with_teachers(
            models, pixels, fingerprint, TEACHER_AUGMENTATION, augmentations, cache, prior,
            measured, bar.update,
        )  # fmt: skip
    save(labels, out)
    click.echo(
        f"{augmentations} augmentations of {labels.labels.shape[1]:,} faces, "
        f"{out.stat().st_size:,} bytes"
    )
    click.echo(str(out))
