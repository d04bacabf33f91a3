"""Counts of predictions by group of people, on FairFace.

FairFace has no labels of expressions; the column `smile` of its face pack is what MediaPipe
measured (`fer_sdk.evaluation.face_pack`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.measure.inputs import model_inputs
from fer_bench.results.statistics import wilson_interval
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import InputError
from fer_sdk.evaluation.face_pack import FacePack

CALLED: Final = ("sad", "angry", "neutral", "happy")
"""Labels that are counted."""
FRONTAL: Final = 0.15
"""Largest distance of the nose from the middle of the eyes, in eye distances: a yaw of about 15
degrees."""
SMILING: Final = 0.5
"""Measured smile from which a face counts as smiling."""
UNSMILING: Final = 0.05
"""Measured smile below which a face counts as not smiling."""
_AGES: Final = {"03-Sep": "3-9", "Oct-19": "10-19"}
"""Ages that a spreadsheet turned into dates."""


@dataclass(frozen=True, slots=True)
class Group:
    """Predictions for the faces of one group.

    Attributes:
        kind: "all", "race", "gender" or "age": what the group is one of.
        name: Name of the group.
        n: Number of faces.
        called: Number of faces that get each label of `CALLED`, by label.
    """

    kind: str
    name: str
    n: int
    called: dict[str, int]

    def share(self, label: str) -> float:
        """Return the share of the faces that get a label, 0 to 1."""
        return self.called[label] / self.n

    def interval(self, label: str) -> tuple[float, float]:
        """Return the 95 % interval of that share, 0 to 1."""
        return wilson_interval(self.called[label], self.n)


@dataclass(frozen=True, slots=True)
class ModelGroups:
    """Predictions of one model; groups without a face are missing.

    Attributes:
        model: Name of the model.
        prior: Name of its default prior, which was used.
        everyone: Groups of all faces.
        smiling: Groups of the frontal faces that smile.
        unsmiling: Groups of the frontal faces that do not.
    """

    model: str
    prior: str
    everyone: tuple[Group, ...]
    smiling: tuple[Group, ...]
    unsmiling: tuple[Group, ...]


def extremes(groups: Sequence[Group], kind: str, label: str, fewest: int) -> tuple[Group, Group]:
    """Return the groups of a kind that get a label least and most often.

    Args:
        groups: Groups of all kinds.
        kind: "race", "gender" or "age".
        label: One of `CALLED`.
        fewest: Groups with fewer faces are left out.

    Raises:
        InputError: If no group is left.
    """
    found = [group for group in groups if group.kind == kind and group.n >= fewest]
    order = sorted(found, key=lambda group: group.share(label))
    if not order:
        raise InputError(
            f"groups by {kind} can be compared from {fewest} frontal faces with a measured smile "
            "on, but the pack has no group with so many"
        )
    return order[0], order[-1]


def differ(one: Group, other: Group, label: str) -> bool:
    """Return whether the 95 % intervals of two groups do not overlap."""
    (low, high), (from_, to) = one.interval(label), other.interval(label)
    return high < from_ or to < low


def measure_groups(model: str | Path, faces: FacePack) -> ModelGroups:
    """Count a model's predictions by group, under its default prior.

    Args:
        model: Name of a shipped model or a model file.
        faces: Faces with the columns `race`, `gender`, `age`, `nose_off` and `smile`.

    Raises:
        InputError: If a column is missing, or there is no such model.
    """
    frontal = np.abs(faces.column("nose_off").astype(np.float64)) <= FRONTAL
    smile = faces.column("smile")  # NaN, where it was not measured, is neither
    with captured_native_log():
        classifier = ExpressionClassifier.load(model)
    with classifier:
        bundle = classifier.bundle
        probabilities = classifier.probabilities(model_inputs(bundle, faces.pixels))
    predicted = np.array(bundle.labels)[probabilities.argmax(axis=1)]
    return ModelGroups(
        bundle.path.stem,
        bundle.default_prior,
        _count(faces, predicted, np.ones(len(predicted), bool)),
        _count(faces, predicted, frontal & (smile >= SMILING)),
        _count(faces, predicted, frontal & (smile < UNSMILING)),
    )


def _count(
    faces: FacePack, predicted: NDArray[np.str_], chosen: NDArray[np.bool_]
) -> tuple[Group, ...]:
    age = np.array([_AGES.get(name, name) for name in faces.column("age")])
    kinds = {
        "race": np.char.replace(faces.column("race"), "_", " or "),
        "gender": np.char.lower(faces.column("gender")),
        "age": age,
    }
    groups = [_group("all", "all", predicted[chosen])]
    for kind, values in kinds.items():
        names = sorted(set(values.tolist()), key=_youngest_first if kind == "age" else None)
        groups += [_group(kind, name, predicted[chosen & (values == name)]) for name in names]
    return tuple(group for group in groups if group.n)


def _group(kind: str, name: str, predicted: NDArray[np.str_]) -> Group:
    return Group(
        kind, name, len(predicted), {label: int((predicted == label).sum()) for label in CALLED}
    )


def _youngest_first(age: str) -> tuple[int, str]:
    digits = "".join(c if c.isdigit() else " " for c in age).split()
    return (int(digits[0]) if digits else 0, age)
