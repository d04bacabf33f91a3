"""The `fer-train` command."""

import os

import click

from fer_sdk import __version__
from fer_sdk.console import FerGroup
from fer_train.commands.importing import import_command
from fer_train.commands.landmarks import landmarks, mesh
from fer_train.commands.scoring import compare, evaluate, teachers
from fer_train.commands.studying import show, study
from fer_train.commands.teaching import ballot, ensemble, soft_labels_command
from fer_train.commands.training import distill, fit, qat


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
