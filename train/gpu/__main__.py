"""`python -m gpu`: the commands of README.md."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fer_sdk.cli.console import FerGroup
from fer_sdk.errors import InputError
from fer_train.training.time_limit import stop_request
from gpu import plan

if TYPE_CHECKING:
    from fer_train.evaluation.prediction_cache import Tta
    from gpu.programme import Folders

FOLDER = click.Path(path_type=Path)


def step_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a step that computes."""
    for option in (
        click.option("--max-minutes", type=click.FloatRange(0, min_open=True), default=9.0,
                     show_default=True, help="Stop after this time; the same command resumes."),
        click.option("--out", type=FOLDER, help="Folder of the results to return."),
        click.option("--runs", type=FOLDER, default=Path("runs"), show_default=True,
                     help="Run folders."),
        click.option("--data", type=FOLDER, default=Path("data"), show_default=True,
                     help="Folder of the unpacked data."),
    ):  # fmt: skip
        command = option(command)
    return command


TTA_OPTION = click.option(
    "--tta", type=click.Choice(["none", "mirrored", "augmented"]), default="augmented",
    show_default=True, help="Test-time augmentations of the cached predictions.",
)  # fmt: skip


@click.group(cls=FerGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train teachers and students within half an hour on a GPU machine without a network."""


@main.command()
@click.argument("files", nargs=-1, required=True, type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="Folder of the parts.")
@click.option("--part-mib", type=click.FloatRange(0, min_open=True), default=30.0,
              show_default=True, help="Most MiB in one part.")  # fmt: skip
def pack(files: tuple[Path, ...], out: Path, part_mib: float) -> None:
    """Pack FILES into parts that travel with one command each."""
    from gpu.transfer import pack

    for folder in pack(files, out, int(part_mib * (1 << 20))):
        size = sum(path.stat().st_size for path in folder.iterdir())
        click.echo(f"{folder}  {size:,} bytes")


@main.command()
@click.argument("part", type=FOLDER)
@click.option("--data", type=FOLDER, default=Path("data"), show_default=True,
              help="Folder of the unpacked data.")  # fmt: skip
def unpack(part: Path, data: Path) -> None:
    """Take one PART; the last one restores the files."""
    from gpu.transfer import unpack

    click.echo(unpack(part, data))


@main.command()
@click.argument("names", nargs=-1)
@step_options
def probe(
    names: tuple[str, ...], data: Path, runs: Path, out: Path | None, max_minutes: float
) -> None:
    """Measure the speed of all runs, or of NAMES; their epochs are chosen by it."""
    from gpu.programme import probe

    folders = _folders(data, runs, out)
    with stop_request(max_minutes) as stop:
        for line in probe(_chosen({**plan.TEACHERS, **plan.STUDENTS}, names), folders, stop):
            click.echo(line)
    folders.send([])


@main.command()
@click.argument("names", nargs=-1)
@step_options
@TTA_OPTION
def teachers(names: tuple[str, ...], tta: "Tta", max_minutes: float, **folders: Any) -> None:
    """Train all teachers, or NAMES."""
    _train(_chosen(plan.TEACHERS, names), max_minutes, tta, **folders)


@main.command()
@click.argument("names", nargs=-1)
@step_options
@TTA_OPTION
def students(names: tuple[str, ...], tta: "Tta", max_minutes: float, **folders: Any) -> None:
    """Train all students, or NAMES, with their teachers in the training step."""
    _train(_chosen(plan.STUDENTS, names), max_minutes, tta, **folders)


@main.command("soft-labels")
@click.argument("names", nargs=-1)
@click.option("--augmentations", type=click.IntRange(1), default=32, show_default=True,
              help="Augmentations per face; the first is the unchanged face.")  # fmt: skip
@step_options
def soft_labels(
    names: tuple[str, ...],
    augmentations: int,
    data: Path,
    runs: Path,
    out: Path | None,
    max_minutes: float,
) -> None:
    """Predict soft labels by the teachers NAMES; default: those of the first students."""
    from gpu.programme import predict_soft_labels

    folders = _folders(data, runs, out)
    teachers = names or tuple(next(iter(plan.STUDENTS.values())).teachers)
    with stop_request(max_minutes) as stop:
        for line in predict_soft_labels(teachers, folders, augmentations, stop):
            click.echo(line)


@main.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--runs", type=FOLDER, default=Path("runs"), show_default=True, help="Run folders.")
@click.option("--out", type=FOLDER, required=True, help="Folder of the results to return.")
def send(names: tuple[str, ...], runs: Path, out: Path) -> None:
    """Return the results of the runs NAMES (again)."""
    from gpu import results

    for line in results.send(runs, names, out):
        click.echo(line)


@main.command()
@click.argument("returned", type=FOLDER)
@click.option("--runs", type=FOLDER, default=Path("runs"), show_default=True, help="Run folders.")
def receive(returned: Path, runs: Path) -> None:
    """Restore run folders from the files in RETURNED."""
    from gpu import results

    for path in results.receive(returned, runs):
        click.echo(str(path))


def _train(
    chosen: Mapping[str, plan.Planned],
    max_minutes: float,
    tta: "Tta",
    data: Path,
    runs: Path,
    out: Path | None,
) -> None:
    from gpu.programme import train

    begin, folders = time.monotonic(), _folders(data, runs, out)
    with stop_request(max_minutes) as stop:
        left = max_minutes - (time.monotonic() - begin) / 60
        for line in train(chosen, folders, left, stop, tta):
            click.echo(line)


def _folders(data: Path, runs: Path, out: Path | None) -> "Folders":
    from gpu.programme import Folders, use_jax

    use_jax(runs)
    return Folders(data, runs, out)


def _chosen(planned: Mapping[str, plan.Planned], names: tuple[str, ...]) -> dict[str, plan.Planned]:
    if unknown := set(names) - set(planned):
        raise InputError(
            f"no run named {', '.join(sorted(unknown))}: available are {', '.join(planned)}"
        )
    return {name: each for name, each in planned.items() if name in names or not names}


if __name__ == "__main__":
    main()
