"""Whether Ray's workers label an archive row for row as one process does.

    python -m research.archive_parity FOLDER --photos 2000

FOLDER holds photos of faces, such as faces/ of the London Set; they are scaled and shifted until
there are enough, in a temporary folder.
"""

import tempfile
import time
from pathlib import Path

import click
import cv2
import numpy as np

from fer_sdk._internal.extras import require
from fer_sdk.batch.processor import LabellingSettings, PhotoTask, label_photos
from fer_sdk.batch.ray import label_archive
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.errors import FerError, InputError
from fer_sdk.inputs.images import read_photo
from fer_sdk.outputs.photo_rows import rows

SIDE = 320


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--photos", type=click.IntRange(1), default=2000, show_default=True)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True)
def main(folder: Path, photos: int, workers: int) -> None:
    """Print how many rows agree, and how long both took; exit code 1 if one does not."""
    require("ray", "comparing with Ray", "ray", "pyarrow")
    from pyarrow import parquet

    settings = LabellingSettings(DEFAULT_MODEL)
    with tempfile.TemporaryDirectory() as name:
        archive = Path(name) / "archive"
        paths = write_photos(folder, archive, photos)
        begun = time.perf_counter()
        records = label_photos([PhotoTask(path) for path in paths], settings, 1)
        bar = progress_bar(iterable=records, total=photos, unit=" photos")
        alone = [row for record in bar for row in rows(record)]
        between = time.perf_counter()
        label_archive(archive, Path(name) / "out", settings, workers=workers)
        ended = time.perf_counter()
        table = parquet.read_table(Path(name) / "out").to_pylist()
    found = [{k: v for k, v in row.items() if k != "error"} for row in table if row["face"]]
    found.sort(key=lambda row: (row["photo"], row["face"]))
    differing = sum(a != b for a, b in zip(alone, found, strict=False))
    click.echo(f"one process: {len(alone)} rows of {photos} photos in {between - begun:.0f} s")
    click.echo(
        f"{workers} Ray workers: {len(found)} rows in {ended - between:.0f} s, start included"
    )
    click.echo(f"{differing} rows differ")
    if differing or len(alone) != len(found):
        raise FerError("Ray's rows are not those of one process")


def write_photos(folder: Path, archive: Path, count: int) -> list[Path]:
    """Write scaled and shifted copies of the photos of a folder, sorted by name."""
    sources = sorted(folder.glob("*.jpg"))
    if not sources:
        raise InputError(f"no .jpg photo in {folder}")
    archive.mkdir()
    paths = []
    rng = np.random.default_rng(0)
    for number in range(count):
        photo = read_photo(sources[number % len(sources)])
        zoom = SIDE / max(photo.shape[:2]) * rng.uniform(0.6, 1.2)
        across, down = rng.uniform(-0.1, 0.1, 2) * SIDE
        matrix = np.array([[zoom, 0, across], [0, zoom, down]])
        moved = cv2.warpAffine(photo, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA)
        paths.append(archive / f"{number:05}.jpg")
        cv2.imwrite(str(paths[-1]), moved)
    return paths


if __name__ == "__main__":
    main()
