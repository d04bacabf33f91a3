"""Comparison of training runs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer_sdk.errors import InputError

RUN_FILES: Final = ("recipe.json", "history.json")
"""Files of a run's folder that a comparison reads."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Contents of a run's folder.

    Attributes:
        name: Name of the folder.
        recipe: Contents of recipe.json.
        history: Contents of history.json, one row per epoch.
    """

    name: str
    recipe: dict[str, object]
    history: list[dict[str, float]]


def read_run(folder: Path) -> RunSummary:
    """Read a run's folder.

    Raises:
        InputError: If the folder holds no run with at least one epoch.
    """
    try:
        recipe, history = (
            json.loads((folder / name).read_text(encoding="utf-8")) for name in RUN_FILES
        )
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} is not the folder of a run with at least one epoch: {error}"
        ) from error
    return RunSummary(folder.name, recipe, history)


def comparison(runs: list[RunSummary]) -> str:
    """Return a table of the runs, followed by the settings in which they differ."""
    lines = [
        f"{'run':<32}{'epochs':>8}{'minutes':>9}{'loss':>8}{'public clean':>14}{'best':>8}{'at':>5}"
    ]
    for run in runs:
        last = run.history[-1]
        best = max(run.history, key=lambda row: row["public_deduplicated_accuracy"])
        lines.append(
            f"{run.name:<32}{len(run.history):>8}{last['minutes']:>9.0f}{last['loss']:>8.3f}"
            f"{100 * last['public_deduplicated_accuracy']:>13.2f}%"
            f"{100 * best['public_deduplicated_accuracy']:>7.2f}%{best['epoch']:>5.0f}"
        )
    for key in sorted({key for run in runs for key in run.recipe}):
        values = [json.dumps(run.recipe.get(key)) for run in runs]
        if len(set(values)) > 1:
            lines.append(f"{key}: " + " | ".join(values))
    return "\n".join(lines)
