"""Everything a stopped run needs to go on, in one file that is replaced whole."""

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
    """Where a run stands: `epoch` epochs, over all stages, and `step` steps of the next."""

    recipe: str
    seed: int
    data: str
    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def save(path: Path, progress: Progress, variables: Sequence[keras.Variable]) -> None:
    """Write progress and variables; the former file stays whole until the new one is."""
    arrays = {f"v{i}": v.numpy() for i, v in enumerate(variables)}
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.savez(file, progress=np.array(json.dumps(asdict(progress))), **arrays)


def load(path: Path, expected: Progress) -> tuple[Progress, list[NDArray[np.generic]]]:
    """Read a checkpoint of the same run.

    Args:
        path: A file that `save` wrote.
        expected: A fresh run's progress: recipe, seed and data must agree with the file's.

    Returns:
        The progress, and values for `restore`.

    Raises:
        TrainingError: If the file is damaged or belongs to another run.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        progress = Progress(**json.loads(str(arrays.pop("progress"))))
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(
            f"checkpoint {path} is damaged ({error}): delete it or --restart"
        ) from error
    for name in ("recipe", "seed", "data"):
        asked, came = getattr(expected, name), getattr(progress, name)
        if asked != came:
            raise TrainingError(
                f"{path} belongs to another run: {name} is {came!r}, asked for {asked!r}; "
                "choose another --out or --restart"
            )
    return progress, list(arrays.values())


def restore(values: list[NDArray[np.generic]], variables: Sequence[keras.Variable]) -> None:
    """Put a checkpoint's values back into the variables that were saved, in the same order.

    Raises:
        TrainingError: If number or shapes differ.
    """
    if [value.shape for value in values] != [tuple(variable.shape) for variable in variables]:
        raise TrainingError(
            "the checkpoint holds other variables than the recipe's model: --restart"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
