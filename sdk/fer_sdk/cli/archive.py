"""`fer archive`: a photo archive, processed on a Ray cluster."""

from pathlib import Path

import click

from fer_sdk._internal.opencv import require_opencv
from fer_sdk.batch.processor import BatchSettings
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.cli.options import (
    max_side_option,
    model_option,
    prior_option,
    search_option,
)
from fer_sdk.detectors.yunet import Search


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--workers", type=click.IntRange(1, 10_000), default=2, show_default=True,
              help="Worker processes, one CPU core each.")  # fmt: skip
@click.option("--address", help="Ray cluster, such as auto. Default: start one on this machine.")
@click.option("--name-column", default="photo", show_default=True,
              help="Column of a Parquet SOURCE with the photos' names.")  # fmt: skip
@click.option("--image-column", default="image", show_default=True,
              help="Column of a Parquet SOURCE with the content of their files.")  # fmt: skip
@model_option
@prior_option
@max_side_option
@search_option
@click.option("--convert", is_flag=True, help="Also accept grey, transparent and 16-bit images.")
def archive(
    source: Path,
    out: Path,
    workers: int,
    address: str | None,
    name_column: str,
    image_column: str,
    model: str,
    prior: PriorChoice,
    max_side: int,
    search: Search,
    convert: bool,
) -> None:
    """Recognize the faces of an archive with Ray and write Parquet files into the folder OUT.

    SOURCE is a folder of photos or Parquet files with their bytes. There is one row per face, with
    the columns of `fer image --csv`. A photo without a face has one row whose `face` is null.
    """
    require_opencv("reading photos")
    from fer_sdk.batch.ray import process_archive

    process_archive(
        source,
        out,
        BatchSettings(model, prior=prior, convert=convert, max_side=max_side, search=search),
        workers=workers,
        address=address,
        names=name_column,
        images=image_column,
    )
    click.echo(str(out))
