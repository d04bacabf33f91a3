"""The numbers behind the accuracy and latency plots, small enough to commit as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from fer_bench.results.schema import ModelResult
from fer_sdk._internal.files import write_beside
from fer_sdk.errors import InputError

SCHEMA: Final = 1
PERCENTS: Final = tuple(number / 2 for number in range(201))
"""Percentiles of a curve: 0, 0.5 ... 100."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy and latency distribution of one model.

    Attributes:
        name: File name; of another package, its name and version.
        peer: Whether the model belongs to another package.
        size_bytes: Size of the model files.
        protocol: Evaluation protocol of `accuracy`; "" without one.
        accuracy: Accuracy in percent, on deduplicated faces where the protocol has them; None
            without labels.
        percentiles_ms: Latency in milliseconds at `PERCENTS`.
    """

    name: str
    peer: bool
    size_bytes: int
    protocol: str
    accuracy: float | None
    percentiles_ms: tuple[float, ...]

    def percentile_ms(self, percent: float) -> float:
        """Return the latency at one of `PERCENTS`, in milliseconds."""
        return self.percentiles_ms[PERCENTS.index(percent)]


def curves_of(rows: Sequence[ModelResult]) -> list[Curve]:
    """Return the curves of the models whose latency was measured."""
    found = []
    for row in rows:
        if row.latency is None:
            continue
        own = row.accuracy[0] if row.accuracy else None
        name = "" if own is None else own.protocol
        if own is not None and own.deduplicated is not None:
            name += ", deduplicated"
        found.append(
            Curve(
                name=row.name,
                peer=row.peer,
                size_bytes=row.size_bytes,
                protocol=name,
                accuracy=None if own is None else round(100 * own.headline.accuracy, 2),
                percentiles_ms=tuple(np.percentile(row.latency.all_ms, PERCENTS).round(4).tolist()),
            )
        )
    return found


def write_curves(curves: Sequence[Curve], path: Path) -> None:
    """Write curves as JSON, one model per line.

    Raises:
        OutputError: If the file cannot be written.
    """
    lines = ",\n".join("  " + json.dumps(asdict(curve)) for curve in curves)
    with write_beside(path) as temporary:
        temporary.write_text(
            f'{{\n "schema": {SCHEMA},\n "models": [\n{lines}\n ]\n}}\n', encoding="utf-8"
        )


def read_curves(path: Path) -> list[Curve]:
    """Read the curves that `write_curves` wrote.

    Raises:
        InputError: If the file is missing or has another schema.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read curves from {path}: {error}") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise InputError(f"{path} must hold curves of fer-bench with schema {SCHEMA}")
    return [
        Curve(**{**row, "percentiles_ms": tuple(row["percentiles_ms"])}) for row in found["models"]
    ]
