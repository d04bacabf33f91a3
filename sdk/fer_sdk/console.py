"""What the four commands share: a `FerError` becomes one line and exit code 1."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from fer_sdk.errors import FerError


class FerGroup(click.Group):
    """A group of commands whose errors are one line on stderr."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command; a `FerError` ends it with its message and exit code 1."""
        return _one_line(super().invoke, context)


class FerCommand(click.Command):
    """A command whose errors are one line on stderr."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command; a `FerError` ends it with its message and exit code 1."""
        return _one_line(super().invoke, context)


def show_error(error: FerError) -> None:
    """Print an error as one line on stderr."""
    click.echo("error: " + " ".join(str(error).split()), err=True)


@contextlib.contextmanager
def native_log_hidden() -> Iterator[None]:
    """Drop what C++ code writes to stderr: LiteRT announces its delegate and has no switch for it.

    For a command's own thread only; errors still come as exceptions.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _one_line(run: Any, context: click.Context) -> Any:
    try:
        return run(context)
    except FerError as error:
        show_error(error)
        context.exit(1)
