"""`fer-train mesh` and `landmarks`: where the faces have eyes and mouth."""

from dataclasses import asdict
from pathlib import Path

import click
import numpy as np

from fer_sdk.cli.console import DATA_OPTION, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("data/mesh.npz"),
              show_default=True)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
def mesh(model: Path, data: Path, out: Path, overwrite: bool) -> None:
    """Find 72 landmarks of every face with MODEL, MediaPipe's face_landmark.tflite."""
    from research import face_mesh as face_mesh

    if out.exists() and not overwrite:
        raise InputError(f"{out} is there already: add --overwrite or another --out")
    dataset = fer2013.load(data)
    with progress_bar(total=len(dataset.pixels), desc="searching", unit=" faces") as bar:
        found = face_mesh.find_landmarks(model, dataset, bar.update)
    face_mesh.save(found, out)
    click.echo(f"sure of {np.mean(found.presence > 0.5):.1%} of {len(found.points):,} faces")
    click.echo(str(out))


@click.command()
@DATA_OPTION
@click.option("--faces", type=click.IntRange(100), default=3000, show_default=True)
def landmarks(data: Path, faces: int) -> None:
    """Measure where FER2013's faces have eyes and mouth; the SDK's crop is fitted to that."""
    from fer_sdk import YuNet
    from research.landmark_positions import study_landmarks

    dataset = fer2013.load(data)
    with progress_bar(total=faces, desc="searching", unit=" faces") as bar:
        study = study_landmarks(dataset, YuNet(min_score=0.8), faces, bar.update)
    click.echo(f"found {study.found} of {study.searched} faces")
    for (name, place), spread in zip(asdict(study.crop).items(), study.spread, strict=True):
        click.echo(
            f"{name:<10} x {place[0]:5.2f}  y {place[1]:5.2f}   "
            f"(sd {spread[0]:.2f}, {spread[1]:.2f}), pixels of 48"
        )
