"""The `fer-convert` command group."""

import click

from fer_convert.cli.adopt import adopt
from fer_convert.cli.convert import convert
from fer_convert.cli.detector import detector
from fer_convert.cli.inspect import check, diff
from fer_convert.cli.quantization import calibrate, debug
from fer_sdk import __version__
from fer_sdk.cli.console import DefaultGroup


@click.group(
    cls=DefaultGroup, default="convert", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__)
def main() -> None:
    """Convert models to .tflite and .onnx, and inspect and compare model files.

    `fer-convert --int8` is short for `fer-convert convert --int8`.
    """


for command in (convert, detector, calibrate, debug, check, adopt, diff):
    main.add_command(command)
