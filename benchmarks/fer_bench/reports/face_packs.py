"""Scores on a face pack as text, JSON and CSV."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fer_bench.measure.face_packs import PackResult
from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import write_beside
from fer_sdk.evaluation.pack_scores import CONFIDENT, NEGATIVE, SCORED


def table(results: Sequence[PackResult], dataset: str) -> str:
    """Return the scores as text, one line per model.

    Args:
        results: Scores of each model.
        dataset: Name of the pack and its split.
    """
    first = results[0].scores
    width = max(len(r.model) for r in results) + 2
    prior = max(len("prior"), *(len(r.prior) for r in results)) + 2
    lines = [
        f"scored on {first.n:,} faces of {dataset}; all labels of a model are allowed",
        f"{'model':<{width}}{'prior':<{prior}}{'right %':>8}{'balanced %':>12}"
        + "".join(f"{name:>10}" for name in SCORED)
        + f"{'negative %':>12}"
        + "".join(f"{name:>9}" for name in NEGATIVE)
        + f"{'ECE':>8}{f'>= {CONFIDENT:g} %':>10}{'right %':>9}",
    ]
    for result in results:
        s = result.scores
        sure = "-" if s.confident_accuracy is None else f"{100 * s.confident_accuracy:.1f}"
        lines.append(
            f"{result.model:<{width}}{result.prior:<{prior}}"
            f"{100 * s.accuracy:>8.1f}{100 * s.balanced_accuracy:>12.1f}"
            + "".join(f"{100 * s.recalls[name]:>10.1f}" for name in SCORED)
            + f"{100 * s.neutral_called_negative:>12.1f}"
            + "".join(f"{100 * s.neutral_called[name]:>9.1f}" for name in NEGATIVE)
            + f"{s.calibration_error:>8.3f}{100 * s.confident:>10.1f}{sure:>9}"
        )
    return "\n".join(
        [
            *lines,
            "right: faces named right, as they come; balanced: mean of the five recalls, in % of "
            "each label's faces; negative: neutral faces called sad, angry, fear or disgust, and "
            f"each of these; ECE: expected calibration error; >= {CONFIDENT:g}: predictions with "
            "at least this confidence, and how many of those are right",
        ]
    )


def write_json(results: Sequence[PackResult], pack: Path, split: str | None, path: Path) -> None:
    """Write the scores as JSON; shares are 0 to 1.

    Args:
        results: Scores of each model.
        pack: The face pack.
        split: Its split; None for all faces.
        path: The file to write.

    Raises:
        OutputError: If the file cannot be written.
    """
    text = {
        "kind": "face pack",
        "environment": describe_environment(),
        "models": [_row(result, pack, split) for result in results],
    }
    with write_beside(path) as temporary:
        temporary.write_text(json.dumps(text, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_csv(results: Sequence[PackResult], pack: Path, split: str | None, path: Path) -> None:
    """Write the scores as CSV with one row per model; shares are 0 to 1.

    Args:
        results: Scores of each model.
        pack: The face pack.
        split: Its split; None for all faces.
        path: The file to write.

    Raises:
        OutputError: If the file cannot be written.
    """
    rows = []
    for result in results:
        row = _row(result, pack, split)
        recalls, called = row.pop("recalls"), row.pop("neutral_called")
        row |= {f"recall_{name}": value for name, value in recalls.items()}
        row |= {f"neutral_called_{name}": value for name, value in called.items()}
        rows.append(row)
    with (
        write_beside(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _row(result: PackResult, pack: Path, split: str | None) -> dict[str, Any]:
    return {
        "model": result.model,
        "sha256": result.sha256,
        "prior": result.prior,
        "pack": pack.name,
        "split": split,
        **asdict(result.scores),
        "neutral_called_negative": result.scores.neutral_called_negative,
    }
