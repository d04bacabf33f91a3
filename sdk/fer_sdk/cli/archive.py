"""`fer archive`: an archive of photos, labelled on a Ray cluster."""

from pathlib import Path

import click

from fer_sdk.batch.processor import LabellingSettings
from fer_sdk.bundles.registry import DEFAULT_MODEL


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True,
              help="Processes that label, one core each.")  # fmt: skip
@click.option("--address", help="Ray cluster, such as auto. Default: one on this machine.")
@click.option("--name-column", default="photo", show_default=True, help="Of a Parquet SOURCE.")
@click.option("--image-column", default="image", show_default=True, help="Its files' contents.")
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
@click.option("--convert", is_flag=True, help="Accept grey, transparent and 16-bit images too.")
def archive(
    source: Path,
    out: Path,
    workers: int,
    address: str | None,
    name_column: str,
    image_column: str,
    model: str,
    convert: bool,
) -> None:
    """Label the photos of SOURCE, a folder or Parquet, with Ray; write Parquet into OUT.

    A row a face, as --csv of `fer image`; a photo without one has a row whose `error` says why.
    """
    from fer_sdk.batch.ray import label_archive

    label_archive(
        source,
        out,
        LabellingSettings(model, convert=convert),
        workers=workers,
        address=address,
        names=name_column,
        images=image_column,
    )
    click.echo(str(out))
