"""The `fer-train` command."""

import os

import click

from fer_sdk import __version__
from fer_sdk.cli.console import FerGroup
from fer_train.cli.compare import compare
from fer_train.cli.ensemble import ensemble
from fer_train.cli.evaluate import evaluate
from fer_train.cli.fit import distill, fit, qat
from fer_train.cli.fit_priors import fit_priors
from fer_train.cli.import_faces import import_faces
from fer_train.cli.import_fer2013 import import_command
from fer_train.cli.show import show
from fer_train.cli.soft_labels import soft_labels


@click.group(cls=FerGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Import FER2013; train, evaluate, combine and distill networks."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


for command in (
    import_command, import_faces, fit, distill, evaluate, ensemble, soft_labels, qat, fit_priors,
    compare, show,
):  # fmt: skip
    main.add_command(command)
