"""Options such as `--arm` measure something else instead and go with few of the others."""

import click
from click.core import ParameterSource


def refuse_others(option: str, *allowed: str) -> None:
    """Refuse what would be ignored.

    Args:
        option: As it is typed.
        allowed: Names of the current command's parameters that go with it, itself included.

    Raises:
        UsageError: If another option was given.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        given = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        if given and parameter.name not in allowed:
            raise click.UsageError(f"{option} does not go with {parameter.opts[-1]}")
