"""Options that several commands share."""

from pathlib import Path

import click

CACHE_OPTION = click.option(
    "--cache",
    type=click.Path(path_type=Path),
    help="Folder of cached predictions; an interrupted command reuses them.",
)
