"""`fer timeline`: a video's result as a picture."""

from pathlib import Path

import click

from fer_sdk.errors import InputError
from fer_sdk.outputs.timeline_plot import draw_timeline, read_timelines


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True,
              help="Picture to write: .png, .svg or .pdf.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace a picture that is there.")
def timeline(result: Path, out: Path, overwrite: bool) -> None:
    """Draw expression over time from RESULT, the .json, .csv or .parquet of `fer video`.

    Needs the extra `plot`.
    """
    if out.exists() and not overwrite:
        raise InputError(f"{out} is there already: add --overwrite or take another name")
    draw_timeline(out, *read_timelines(result))
    click.echo(str(out))
