"""Predictions on the Face Research Lab London Set with detection, crop and classification.

    python -m research.london FOLDER

FOLDER holds info.csv (face_id, face_age, face_gender, face_eth) and faces/ID_03.jpg (neutral) and
faces/ID_08.jpg (smiling); DeBruine and Jones 2017, https://doi.org/10.6084/m9.figshare.5047666.
"""

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import click

from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.inputs.images import read_photo
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import RecognizedFace

EXPECTED: Final = {"03": "neutral", "08": "happy"}
AGES: Final = {25.0: "under 25", 35.0: "25 to 34", math.inf: "35 and older"}
"""Age groups by their exclusive upper limit, in years."""


@dataclass(frozen=True, slots=True)
class LondonResult:
    """Predictions of a model on the photos.

    Attributes:
        photos: Number of photos.
        found: Number of photos with exactly one detected face.
        labels: Number of predictions of each label, by expected label.
        pairs: Number of persons with exactly one detected face in both photos.
        happier: Number of pairs whose smiling photo has the higher probability of happy.
        groups: Correct predictions and photos by group; a photo without exactly one detected face
            counts as wrong.
    """

    photos: int
    found: int
    labels: dict[str, Counter[str]]
    pairs: int
    happier: int
    groups: dict[str, tuple[int, int]]


def measure_london(
    recognizer: ExpressionRecognizer,
    folder: Path,
    report: Callable[[], object] = lambda: None,
) -> LondonResult:
    """Classify every photo.

    Args:
        recognizer: Detects and classifies.
        folder: Folder as described in the module's docstring.
        report: Called after each photo.

    Raises:
        InputError: If the folder has another structure.
    """
    people = people_of(folder)
    found: dict[tuple[str, str], RecognizedFace] = {}
    for person, kind in product(people, EXPECTED):
        photo = read_photo(folder / "faces" / f"{person}_{kind}.jpg")
        faces = recognizer.recognize(photo, color="bgr")
        if len(faces) == 1:
            found[person, kind] = faces[0]
        report()
    pairs = [p for p in people if all((p, kind) in found for kind in EXPECTED)]
    return LondonResult(
        photos=len(people) * len(EXPECTED),
        found=len(found),
        labels={
            expected: Counter(e.label for (_, k), e in found.items() if k == kind)
            for kind, expected in EXPECTED.items()
        },
        pairs=len(pairs),
        happier=sum(_happy(found[p, "08"]) > _happy(found[p, "03"]) for p in pairs),
        groups=_by_group(people, found),
    )


def labelled_photos(folder: Path) -> list[tuple[Path, str]]:
    """Return the path and the expected label of every photo.

    Raises:
        InputError: If there are none.
    """
    paths = sorted((folder / "faces").glob("*_0[38].jpg"))
    if not paths:
        raise InputError(f"no photos named ID_03.jpg or ID_08.jpg in {folder / 'faces'}")
    return [(path, EXPECTED[path.stem[-2:]]) for path in paths]


def genders_of(folder: Path, paths: Sequence[Path]) -> list[str]:
    """Return the gender that the person of each photo states.

    Raises:
        InputError: If info.csv is unreadable or lacks a person.
    """
    people = people_of(folder)
    unknown = [path.name for path in paths if path.stem[:-3] not in people]
    if unknown:
        raise InputError(f"{folder / 'info.csv'} lacks the person of {unknown[0]}")
    return [people[path.stem[:-3]]["face_gender"] for path in paths]


@click.command(cls=FerCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
def main(folder: Path, model: str) -> None:
    """Print the accuracy over all photos and by group."""
    with captured_native_log():
        recognizer = ExpressionRecognizer(model)
    with recognizer, progress_bar(unit=" photos") as bar:
        result = measure_london(recognizer, folder, bar.update)
    click.echo(f"exactly one face detected in {result.found} of {result.photos} photos")
    for expected, labels in result.labels.items():
        click.echo(f"predictions for {expected} photos: {dict(labels.most_common())}")
    click.echo(
        f"higher probability of happy on the smiling photo in {result.happier} of "
        f"{result.pairs} pairs"
    )
    for group, (correct, n) in result.groups.items():
        click.echo(f"{group:<20}{100 * correct / n:>6.1f} % correct, n = {n}")


def people_of(folder: Path) -> dict[str, dict[str, str]]:
    """Return the row of info.csv of every person, by face_id.

    Raises:
        InputError: If the file is missing, has other columns or lists no person.
    """
    path = folder / "info.csv"
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            people = {row["face_id"]: row for row in csv.DictReader(stream)}
            groups = [
                (row["face_gender"], row["face_eth"], _age_group(row["face_age"]))
                for row in people.values()
            ]
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"cannot read people from {path}: {error!r}") from error
    if not groups:
        raise InputError(f"{path} lists no persons")
    return people


def _age_group(age: str) -> str:
    if age == "NA":
        return "age not stated"
    return next(name for limit, name in AGES.items() if float(age) < limit)


def _happy(face: RecognizedFace) -> float:
    return face.scores["happy"]


def _by_group(
    people: dict[str, dict[str, str]], found: dict[tuple[str, str], RecognizedFace]
) -> dict[str, tuple[int, int]]:
    correct: dict[str, list[bool]] = defaultdict(list)
    for person, row in people.items():
        age = _age_group(row["face_age"])
        for kind, expected in EXPECTED.items():
            predicted = found.get((person, kind))
            for group in ("all", row["face_gender"], row["face_eth"], age):
                correct[group].append(predicted is not None and predicted.label == expected)
    return {group: (sum(values), len(values)) for group, values in correct.items()}


if __name__ == "__main__":
    main()
