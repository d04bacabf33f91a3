"""`fer timeline`: a plot of a video's expressions over time."""

from pathlib import Path

import click

from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.cli.options import overwrite_option, path_option
from fer_sdk.outputs.timeline_plot import draw_timeline, read_timelines


@click.command()
@click.argument("result", type=click.Path(path_type=Path))
@path_option("--out", "out", "Picture to write: .png, .svg or .pdf.", required=True)
@overwrite_option
def timeline(result: Path, out: Path, overwrite: bool) -> None:
    """Plot the scores over time from RESULT, a file that `fer video` wrote.

    RESULT is a .csv, .json, .jsonl or .parquet file. Needs the extra `plot`.
    """
    check_outputs([out], [result], overwrite=overwrite)
    draw_timeline(out, *read_timelines(result))
    click.echo(str(out))
