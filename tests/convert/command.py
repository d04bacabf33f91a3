"""The command `fer-convert`, run in this process."""

from click.testing import CliRunner, Result

from fer_convert.cli.main import main


def fer_convert(*arguments: object) -> Result:
    """Run `fer-convert` with the arguments and return its exit code and output."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])
