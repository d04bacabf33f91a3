"""The option `--arm` of `fer-bench`."""

from pathlib import Path
from typing import get_args

import click

from fer_bench.arm.machine import Cpu, Machine
from fer_sdk.console import progress_bar
from fer_sdk.shipped import find_model, shipped_models

ARM_OPTION = click.option(
    "--arm",
    "cores",
    type=click.Choice(get_args(Cpu)),
    multiple=True,
    help="Count instructions on an emulated ARM processor instead.",
)


def count_on_arm(cores: tuple[Cpu, ...], models: tuple[str, ...], json_path: Path | None) -> None:
    """Count the models' instructions, print the table and write the JSON if asked to.

    Raises:
        FerError: As `Machine.find` and `count_models` do.
    """
    from fer_bench.arm.report import count_models, steps, table, write_json

    machines = [Machine.find(core) for core in cores]
    paths = [find_model(model) for model in models or shipped_models()]
    with progress_bar(total=len(cores) * steps(len(paths)), desc="counting", unit=" runs") as bar:
        counts = [count_models(machine, paths, bar.update) for machine in machines]
    if json_path is not None:
        write_json([count for of_core in counts for count in of_core], machines[0], json_path)
    click.echo("\n\n".join(table(of_core) for of_core in counts))
