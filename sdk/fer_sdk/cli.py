"""The `fer` command."""

import click

from fer_sdk import __version__
from fer_sdk.commands.archive import archive
from fer_sdk.commands.camera import camera
from fer_sdk.commands.doctor import doctor
from fer_sdk.commands.image import image
from fer_sdk.commands.models import models
from fer_sdk.commands.timeline import timeline
from fer_sdk.commands.video import video
from fer_sdk.console import FerGroup


@click.group(cls=FerGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Recognise facial expressions on this device."""


main.add_command(video)
main.add_command(camera)
main.add_command(timeline)
main.add_command(image)
main.add_command(archive)
main.add_command(models)
main.add_command(doctor)
