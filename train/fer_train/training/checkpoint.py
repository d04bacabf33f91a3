"""Checkpoints: the complete state of a run in one file, which is replaced atomically."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_train.errors import TrainingError


@dataclass(slots=True)
class Progress:
    """Progress of a run: `epoch` finished epochs over all stages, and `step` steps of the next."""

    recipe: str
    seed: int
    data: str
    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def save(path: Path, progress: Progress, variables: Sequence[keras.Variable]) -> None:
    """Write progress and variables; an existing file stays valid until the new one is complete."""
    arrays = {f"v{i}": v.numpy() for i, v in enumerate(variables)}
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.savez(file, progress=np.array(json.dumps(asdict(progress))), **arrays)


def load(path: Path, expected: Progress) -> tuple[Progress, list[NDArray[np.generic]]]:
    """Read a checkpoint and check that it belongs to this run.

    Args:
        path: File written by `save`.
        expected: Progress of a new run; its recipe, seed and data must equal those of the file.

    Returns:
        The progress, and the values for `restore`.

    Raises:
        TrainingError: If the file is damaged or belongs to another run.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        progress = Progress(**json.loads(str(arrays.pop("progress"))))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"checkpoint {path} is damaged ({error}): delete it or add --restart"
        ) from error
    for name in ("recipe", "seed", "data"):
        wanted, found = getattr(expected, name), getattr(progress, name)
        if wanted != found:
            raise TrainingError(
                f"{path} belongs to another run: {name} is {found!r}, expected {wanted!r}; "
                "choose another --out or add --restart"
            )
    return progress, list(arrays.values())


def restore(values: list[NDArray[np.generic]], variables: Sequence[keras.Variable]) -> None:
    """Assign a checkpoint's values to the variables, in the order in which they were saved.

    Raises:
        TrainingError: If the number or the shapes of the variables differ.
    """
    if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
        raise TrainingError(
            "the checkpoint does not match the variables of the recipe's model: add --restart"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
