"""Checks of option combinations."""

import click
from click.core import ParameterSource


def refuse_other_options(name: str, *allowed: str) -> None:
    """Refuse options that the option `name` would ignore.

    Args:
        name: The option as typed, such as "--android".
        allowed: Parameter names of the current command that may be combined with it.

    Raises:
        UsageError: If another option was given.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        if given and parameter.name not in allowed:
            raise click.UsageError(f"{name} cannot be combined with {parameter.opts[-1]}")
