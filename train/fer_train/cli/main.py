"""The `fer-train` command."""

import os

import click

from fer_sdk import __version__
from fer_sdk.cli.console import FerGroup
from fer_train.cli.ensemble import ballot, ensemble, soft_labels_command
from fer_train.cli.evaluate import compare, evaluate, teachers
from fer_train.cli.fit import distill, fit, qat
from fer_train.cli.import_fer2013 import import_command
from fer_train.cli.show import show, study
from research.landmark_commands import landmarks, mesh


@click.group(cls=FerGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Import FER2013, train, evaluate."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


for command in (
    import_command, fit, distill, qat, soft_labels_command, evaluate, show, compare, ballot,
    ensemble, teachers, study, mesh, landmarks,
):  # fmt: skip
    main.add_command(command)
