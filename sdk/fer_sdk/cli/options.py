"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.runtimes import DELEGATES, RUNTIMES

Command = TypeVar("Command", bound=Callable[..., Any])

model_option = click.option(
    "--model", default=DEFAULT_MODEL, show_default=True,
    help="Name of a shipped model or path of a model file.",
)  # fmt: skip

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace existing files.")


def path_option(
    name: str, parameter: str, text: str, *, required: bool = False
) -> Callable[[Command], Command]:
    """Return an option that takes a path.

    Args:
        name: Name on the command line, such as "--csv".
        parameter: Name of the command's parameter.
        text: Help text.
        required: Whether it must be given.
    """
    return click.option(
        name, parameter, type=click.Path(path_type=Path), help=text, required=required
    )


def model_options(command: Command) -> Command:
    """Add --model, --runtime, --delegate and --threads."""
    for option in (
        click.option("--threads", type=click.IntRange(1), default=1, show_default=True,
                     help="CPU threads of the classifier."),
        click.option("--delegate", type=click.Choice(DELEGATES), default="cpu", show_default=True,
                     help="gpu runs the model on LiteRT's GPU delegate; without a GPU the command "
                          "ends with exit code 3."),
        click.option("--runtime", type=click.Choice(list(RUNTIMES)),
                     help="Default: litert for .tflite files, onnx for .onnx files."),
        model_option,
    ):  # fmt: skip
        command = option(command)
    return command
