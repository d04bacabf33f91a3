"""`fer-train compare`: training runs side by side."""

from pathlib import Path

import click

from fer_sdk._internal.extras import require
from fer_sdk._internal.output_paths import check_outputs


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Plot of the training curves.")
def compare(runs: tuple[Path, ...], out: Path | None) -> None:
    """Compare RUNS, folders of `fer-train fit`: epochs, accuracies and differing settings."""
    from fer_train.evaluation.compare import RUN_FILES, comparison, read_run

    check_outputs([out], (folder / name for folder in runs for name in RUN_FILES))
    summaries = [read_run(folder) for folder in runs]
    if out is not None:
        require("train", "drawing", "matplotlib")
        from fer_train.evaluation.plots import draw_comparison

        draw_comparison(summaries, out)
    click.echo(comparison(summaries))
