"""The option `--arm` of `fer-bench`."""

from pathlib import Path
from typing import get_args

import click

from fer_bench.arm.machine import Cpu, Machine
from fer_sdk.console import progress_bar

ARM_OPTION = click.option(
    "--arm",
    type=click.Choice(get_args(Cpu)),
    help="Count instructions on an emulated ARM processor instead.",
)


def count_on_arm(cpu: Cpu, models: list[Path], json_path: Path | None) -> None:
    """Count the models' instructions, print the table and write the JSON if asked to.

    Raises:
        FerError: As `Machine.find` and `count_models` do.
    """
    from fer_bench.arm.report import count_models, steps, table, write_json

    machine = Machine.find(cpu)
    with progress_bar(total=steps(len(models)), desc="counting", unit=" runs") as bar:
        counts = count_models(machine, models, bar.update)
    if json_path is not None:
        write_json(counts, machine, json_path)
    click.echo(table(counts, cpu))
