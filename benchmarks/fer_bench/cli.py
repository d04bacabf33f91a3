"""The `fer-bench` command."""

from pathlib import Path

import click

from fer_bench.arm.command import ARM_OPTION, count_on_arm
from fer_bench.arm.machine import Cpu
from fer_bench.delegates import DELEGATES, open_delegate
from fer_sdk import __version__, fer2013, shipped_models
from fer_sdk.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.extras import require
from fer_sdk.shipped import find_model


@click.command(cls=FerCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.argument("models", nargs=-1)
@DATA_OPTION
@click.option("--split", type=click.Choice(["public", "private"]), default="public",
              show_default=True, help="Read private once, last, for a final model.")  # fmt: skip
@click.option("--delegate", type=click.Choice(list(DELEGATES)), default="cpu", show_default=True,
              help="gpu runs all of a model there, or ends with exit code 3.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@ARM_OPTION
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write raw values too.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw accuracy against latency.")
def main(
    models: tuple[str, ...],
    data: Path,
    split: str,
    delegate: str,
    threads: int,
    arm: Cpu | None,
    json_path: Path | None,
    plot: Path | None,
) -> None:
    """Measure accuracy and latency of MODELS (names or files); all shipped ones by default."""
    from fer_bench.benchmark import run_benchmark, steps
    from fer_bench.result import table, write_json

    if plot is not None:
        require("bench", "drawing", "matplotlib")
    paths = [find_model(model) for model in models or shipped_models()]
    if arm is not None:
        count_on_arm(arm, paths, json_path)
        return
    usages = [fer2013.PUBLIC_TEST if split == "public" else fer2013.PRIVATE_TEST]
    open_delegate(paths[0], delegate, threads).close()  # no adapter? say so before all else
    dataset = fer2013.load(data)
    with progress_bar(total=steps(len(paths)), desc="measuring", unit=" turns") as bar:
        result = run_benchmark(
            paths, dataset, usages, delegate=delegate, threads=threads, report=bar.update
        )
    if json_path is not None:
        write_json(result, json_path)
    if plot is not None:
        from fer_bench.plot import draw_accuracy_against_latency

        draw_accuracy_against_latency(result, plot)
    click.echo(table(result))
