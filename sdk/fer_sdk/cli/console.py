"""Shared parts of the four commands: errors as one line, a default command, progress bars."""

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import click
from tqdm import tqdm

from fer_sdk._internal.native_log import own_descriptors
from fer_sdk.cli.stop_signals import interrupt_on_termination
from fer_sdk.errors import FerError, InputError, shown


class FerGroup(click.Group):
    """A group of commands that prints errors as one line on stderr."""

    def main(self, *words: Any, **named: Any) -> Any:
        """Run the command; a full disk behind stdout or stderr is no traceback."""
        return _with_streams(super().main, *words, **named)

    def invoke(self, context: click.Context) -> Any:
        """Run the command; a `FerError` is printed as one line and sets the exit code."""
        return _one_line(super().invoke, context)


class DefaultGroup(FerGroup):
    """A group with a default command: `fer-convert --int8` is `fer-convert convert --int8`."""

    def __init__(self, *words: Any, default: str, **named: Any) -> None:
        """Take click's arguments and the name of the default command."""
        super().__init__(*words, **named)
        self._default = default

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Insert the default command's name if no command is named."""
        own = {name for parameter in self.get_params(context) for name in parameter.opts}
        if not args or args[0] not in {*self.commands, *own}:
            args = [self._default, *args]
        return super().parse_args(context, args)

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the options of the default command, too."""
        super().format_options(context, formatter)
        command = self.commands[self._default]
        options = [option for option in command.params if isinstance(option, click.Option)]
        records = [option.get_help_record(context) for option in options]
        with formatter.section(f"Options of {self._default} (default command)"):
            formatter.write_dl([record for record in records if record is not None])


class FerCommand(click.Command):
    """A command that prints errors as one line on stderr."""

    def main(self, *words: Any, **named: Any) -> Any:
        """Run the command; a full disk behind stdout or stderr is no traceback."""
        return _with_streams(super().main, *words, **named)

    def invoke(self, context: click.Context) -> Any:
        """Run the command; a `FerError` is printed as one line and sets the exit code."""
        return _one_line(super().invoke, context)


def show_error(error: FerError) -> None:
    """Print an error as one line on stderr."""
    echo("error: " + " ".join(str(error).split()), err=True)


def echo(text: str, *, err: bool = False) -> None:
    """Print a line; a stream that cannot be written does not interrupt the work.

    `_with_streams` reports it when the command ends. A reader that closed the pipe behind stdout
    wants no more lines, which ends the command as usual.
    """
    try:
        click.echo(text, err=err)
    except OSError as error:
        if error.errno == errno.EPIPE and not err:
            raise
        _lost.append(error)


DATA_OPTION = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/fer2013.npz"),
    show_default=True,
    help="FER2013, as written by `fer-train import`.",
)


def progress_bar(**settings: Any) -> Any:
    """Return a tqdm bar on stderr; it is disabled if stderr is no terminal."""
    return tqdm(disable=None, leave=False, **settings)


_lost: list[OSError] = []
"""Errors of stdout and stderr in this command."""


def _with_streams(run: Any, *words: Any, **named: Any) -> Any:
    """Run a command; a stream that could not be written is one line and an exit code."""
    own_descriptors()
    _lost.clear()
    code: Any = 0
    try:
        with interrupt_on_termination():
            return run(*words, **named)
    except OSError:
        _flush()
        if not _lost:
            raise  # not an error of stdout or stderr
    except SystemExit as ending:
        _flush()
        if not _lost:
            raise
        code = ending.code
    with contextlib.suppress(OSError):
        click.echo(f"error: cannot print to stdout or stderr: {_lost[0].strerror}", err=True)
    raise SystemExit(code or 1)


def _flush() -> None:
    """Write what the streams still hold; drop what cannot be written, as Python fails at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError as error:
            if error.errno != errno.EPIPE:
                _lost.append(error)
            discard(stream)


def discard(stream: TextIO) -> None:
    """Let what a stream still holds go to the null device: Python flushes it at exit."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _one_line(run: Any, context: click.Context) -> Any:
    try:
        return run(context)
    except FerError as error:
        show_error(error)
        context.exit(error.exit_code)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        show_error(InputError(f"no file can have the name {shown(error.filename)}"))
        context.exit(InputError.exit_code)
