"""What the four commands share: a `FerError` becomes one line and its exit code."""

from typing import Any

import click
from tqdm import tqdm

from fer_sdk.errors import FerError


class FerGroup(click.Group):
    """A group of commands whose errors are one line on stderr."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command; a `FerError` ends it with its message and exit code."""
        return _one_line(super().invoke, context)


class FerCommand(click.Command):
    """A command whose errors are one line on stderr."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command; a `FerError` ends it with its message and exit code."""
        return _one_line(super().invoke, context)


def show_error(error: FerError) -> None:
    """Print an error as one line on stderr."""
    click.echo("error: " + " ".join(str(error).split()), err=True)


def progress_bar(**settings: Any) -> Any:
    """Return a tqdm bar on stderr that is silent where stderr is no terminal."""
    return tqdm(disable=None, leave=False, **settings)


def _one_line(run: Any, context: click.Context) -> Any:
    try:
        return run(context)
    except FerError as error:
        show_error(error)
        context.exit(error.exit_code)
