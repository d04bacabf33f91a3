"""Runs a click command in this process."""

import inspect
from typing import Any

from click import Command
from click.testing import CliRunner, Result


def run_command(command: Command, *arguments: object) -> Result:
    """Run a command with stdout and stderr captured separately."""
    options: dict[str, Any] = {}
    if "mix_stderr" in inspect.signature(CliRunner).parameters:  # click 8.1 merges them by default
        options["mix_stderr"] = False
    return CliRunner(**options).invoke(command, [str(argument) for argument in arguments])
