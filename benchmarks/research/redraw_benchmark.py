"""Draw the benchmark's plots of accuracy and latency again from committed numbers.

    python -m research.redraw_benchmark docs/results

The folder holds benchmark-curves.json of `fer-bench --report` and peers.json of `peers.measure`.
"""

from pathlib import Path

import click

from fer_bench.reports.curves import curves_of, read_curves
from fer_bench.reports.figures import write_png
from fer_bench.reports.markdown import CURVES_FILE
from fer_bench.reports.plots import accuracy_plot, latency_plot
from fer_bench.results.storage import read_json
from fer_sdk.cli.console import FerCommand


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path))
def main(folder: Path) -> None:
    """Write benchmark-accuracy.png and benchmark-latency.png into FOLDER."""
    curves = read_curves(folder / CURVES_FILE)
    peers = curves_of([row for row in read_json(folder / "peers.json").models if row.peer])
    for plot in (accuracy_plot([*peers, *curves]), latency_plot(curves)):
        write_png(plot, folder / f"benchmark-{plot.name}.png")
        click.echo(folder / f"benchmark-{plot.name}.png")


if __name__ == "__main__":
    main()
