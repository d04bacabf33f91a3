"""Neutral and smiling photos of the Face Research Lab London Set through the whole SDK.

    python -m fer_bench.london FOLDER

FOLDER holds info.csv (face_id, face_age, face_gender, face_eth) and faces/ID_03.jpg (neutral) and
faces/ID_08.jpg (smiling); DeBruine and Jones 2017, https://doi.org/10.6084/m9.figshare.5047666.
"""

import csv
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

import click

from fer_sdk.console import FerCommand, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.images import read_photo
from fer_sdk.native_log import caught_native_log
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import Expression
from fer_sdk.shipped import DEFAULT_MODEL

EXPECTED: Final = {"03": "neutral", "08": "happy"}


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
def main(folder: Path, model: str) -> None:
    """Print how many photos are labelled right, over all and by group."""
    people = _people(folder)
    with caught_native_log():
        recognizer = ExpressionRecognizer(model)
    found: dict[tuple[str, str], Expression] = {}
    photos = [(person, kind) for person in people for kind in EXPECTED]
    with recognizer:
        for person, kind in progress_bar(iterable=photos, unit=" photos"):
            photo = read_photo(folder / "faces" / f"{person}_{kind}.jpg")
            faces = recognizer.recognize(photo, color="bgr")
            if len(faces) == 1:
                found[person, kind] = faces[0].expression
    click.echo(f"{len(found)} of {len(photos)} photos with exactly one face found")
    for kind, expected in EXPECTED.items():
        labels = Counter(e.label for (_, k), e in found.items() if k == kind)
        click.echo(f"{expected} photos are called {dict(labels.most_common())}")
    pairs = [p for p in people if all((p, kind) in found for kind in EXPECTED)]
    happier = sum(_happy(found[p, "08"]) > _happy(found[p, "03"]) for p in pairs)
    click.echo(f"happy is more probable on the smiling photo of {happier} of {len(pairs)} pairs")
    for group, (right, n) in _by_group(people, found).items():
        click.echo(f"{group:<20}{100 * right / n:>6.1f} % right, n = {n}")


def _people(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / "info.csv"
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            people = {row["face_id"]: row for row in csv.DictReader(stream)}
            groups = [(row["face_gender"], row["face_eth"]) for row in people.values()]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"cannot read people from {path}: {error!r}") from error
    if not groups:
        raise InputError(f"{path} names no one")
    return people


def _happy(expression: Expression) -> float:
    return expression.probabilities[expression.labels.index("happy")]


def _by_group(
    people: dict[str, dict[str, str]], found: dict[tuple[str, str], Expression]
) -> dict[str, tuple[int, int]]:
    """Return right answers and photos, a photo without its one face counted as wrong."""
    right: dict[str, list[bool]] = defaultdict(list)
    for person, row in people.items():
        for kind, expected in EXPECTED.items():
            answer = found.get((person, kind))
            for group in ("all", row["face_gender"], row["face_eth"]):
                right[group].append(answer is not None and answer.label == expected)
    return {group: (sum(answers), len(answers)) for group, answers in right.items()}


if __name__ == "__main__":
    main()
