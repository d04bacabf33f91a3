"""What the four commands share: a `FerError` becomes one line and its exit code."""

from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from fer_sdk.errors import FerError


class FerGroup(click.Group):
    """A group of commands whose errors are one line on stderr."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command; a `FerError` ends it with its message and exit code."""
        return _one_line(super().invoke, context)


class DefaultGroup(FerGroup):
    """A group with a command that needs no name: `fer-convert --int8`, `fer-convert check`."""

    def __init__(self, *words: Any, default: str, **named: Any) -> None:
        """Take click's own arguments and the name of the command that needs no name."""
        super().__init__(*words, **named)
        self._default = default

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Put the default command's name in where no command is named."""
        own = {name for parameter in self.get_params(context) for name in parameter.opts}
        if not args or args[0] not in {*self.commands, *own}:
            args = [self._default, *args]
        return super().parse_args(context, args)

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the default command's options too: most people want no other."""
        super().format_options(context, formatter)
        command = self.commands[self._default]
        options = [option for option in command.params if isinstance(option, click.Option)]
        records = [option.get_help_record(context) for option in options]
        with formatter.section(f"Options of {self._default}, a word that may be left out"):
            formatter.write_dl([record for record in records if record is not None])


class FerCommand(click.Command):
    """A command whose errors are one line on stderr."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command; a `FerError` ends it with its message and exit code."""
        return _one_line(super().invoke, context)


def show_error(error: FerError) -> None:
    """Print an error as one line on stderr."""
    click.echo("error: " + " ".join(str(error).split()), err=True)


DATA_OPTION = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data/fer2013.npz"),
    show_default=True,
    help="FER2013 as `fer-train import` wrote it.",
)


def progress_bar(**settings: Any) -> Any:
    """Return a tqdm bar on stderr that is silent where stderr is no terminal."""
    return tqdm(disable=None, leave=False, **settings)


def _one_line(run: Any, context: click.Context) -> Any:
    try:
        return run(context)
    except FerError as error:
        show_error(error)
        context.exit(error.exit_code)
