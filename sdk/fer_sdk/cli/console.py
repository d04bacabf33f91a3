"""Shared parts of the four commands: errors as one line, a default command, progress bars."""

from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from fer_sdk.errors import FerError


class FerGroup(click.Group):
    """A group of commands that prints errors as one line on stderr."""

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

    def invoke(self, context: click.Context) -> Any:
        """Run the command; a `FerError` is printed as one line and sets the exit code."""
        return _one_line(super().invoke, context)


def show_error(error: FerError) -> None:
    """Print an error as one line on stderr."""
    click.echo("error: " + " ".join(str(error).split()), err=True)


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


def _one_line(run: Any, context: click.Context) -> Any:
    try:
        return run(context)
    except FerError as error:
        show_error(error)
        context.exit(error.exit_code)
