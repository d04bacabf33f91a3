"""Run a model over faces on an emulated arm64 processor.

    python -m research.arm.run MODEL FACES.npy LOGITS.npy --cpu cortex-a76

FACES.npy is uint8 (n, height, width), LOGITS.npy becomes float32 (n, classes).
"""

from pathlib import Path
from typing import get_args

import click
import numpy as np

from fer_sdk._internal.files import write_beside
from fer_sdk.bundles.registry import find_model
from fer_sdk.cli.console import FerCommand
from fer_sdk.errors import InputError
from research.arm.machine import FOLDER, Cpu, Machine


@click.command(cls=FerCommand)
@click.argument("model")
@click.argument("faces", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("logits", type=click.Path(path_type=Path))
@click.option("--cpu", type=click.Choice(get_args(Cpu)), default="cortex-a76", show_default=True)
@click.option("--machine", type=click.Path(path_type=Path), default=FOLDER, show_default=True)
def main(model: str, faces: Path, logits: Path, cpu: Cpu, machine: Path) -> None:
    """Write the LOGITS that MODEL (name or file) gives for FACES on an emulated processor."""
    emulated = Machine.find(cpu, machine)
    try:
        pixels = np.load(faces, allow_pickle=False)
    except ValueError as error:
        raise InputError(f"{faces} is no .npy file: {error}") from error
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise InputError(
            f"{faces} must be uint8 (n, height, width), but is {pixels.dtype} {pixels.shape}"
        )
    answer = emulated.run_model(find_model(model), pixels)
    with write_beside(logits) as temporary, temporary.open("wb") as file:
        np.save(file, answer)


if __name__ == "__main__":
    main()
