"""The `fer` command."""

import click

from fer_sdk import __version__
from fer_sdk.cli.archive import archive
from fer_sdk.cli.camera import camera
from fer_sdk.cli.console import FerGroup
from fer_sdk.cli.doctor import doctor
from fer_sdk.cli.image import image
from fer_sdk.cli.models import models
from fer_sdk.cli.timeline import timeline
from fer_sdk.cli.video import video


@click.group(cls=FerGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Recognize facial expressions on this device."""


main.add_command(image)
main.add_command(video)
main.add_command(camera)
main.add_command(archive)
main.add_command(timeline)
main.add_command(models)
main.add_command(doctor)
