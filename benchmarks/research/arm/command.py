"""The option `--arm` of `fer-bench`."""

from pathlib import Path

import click

from fer_bench.cli.exclusive_options import refuse_others
from fer_sdk.bundles.registry import find_model, shipped_models
from fer_sdk.cli.console import progress_bar
from research.arm.machine import Cpu, Machine

ARM_OPTION = click.option(
    "--arm",
    "cores",
    type=click.Choice(["cortex-a76", "cortex-a53"]),
    multiple=True,
    help="Count instructions on an emulated ARM processor instead.",
)


def count_on_arm(cores: tuple[Cpu, ...], models: tuple[str, ...], json_path: Path | None) -> None:
    """Count the models' instructions, print the table and write the JSON if asked to.

    Raises:
        FerError: As `Machine.find` and `count_models` do.
    """
    refuse_others("--arm", "cores", "models", "json_path")
    from research.arm.report import count_models, steps, table, write_json

    machines = [Machine.find(core) for core in cores]
    shipped = [name for name, path in shipped_models().items() if path.suffix == ".tflite"]
    paths = [find_model(model) for model in models or shipped]
    with progress_bar(total=len(cores) * steps(len(paths)), desc="counting", unit=" runs") as bar:
        counts = [count_models(machine, paths, bar.update) for machine in machines]
    if json_path is not None:
        write_json([count for of_core in counts for count in of_core], machines[0], json_path)
    click.echo("\n\n".join(table(of_core) for of_core in counts))
