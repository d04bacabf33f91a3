"""The faces that a conversion is proven on: FER2013's, photos', or made-up ones."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.evaluation import ferplus
from fer_sdk.evaluation.fer2013 import PUBLIC_TEST, Fer2013
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS
from fer_sdk.preprocess import InputSpec, to_inputs

GATE_FACES: Final = 1000


@dataclass(frozen=True, slots=True)
class GateFaces:
    """Faces to compare a converted file with its float model on.

    Attributes:
        words: What they are.
        faces: uint8 (n, height, width).
        truth: What each expresses, by name (n,), or None where nobody has labelled them.
        labelled_by: Whose labels `truth` has, as sidecars name it; empty where there are none.
        agreement: Least share of faces with the same label, 0 to 1.
    """

    words: str
    faces: NDArray[np.uint8]
    truth: NDArray[np.str_] | None = None
    labelled_by: str = ""
    agreement: float = 0.95


def public_test_faces(
    data: Fer2013, spec: InputSpec, labels: tuple[str, ...] = FER2013_LABELS
) -> GateFaces:
    """Return up to 1,000 clean faces of PublicTest with their labels, the same ones every time.

    Args:
        data: FER2013.
        spec: Input of the model.
        labels: The model's. One that names contempt learnt from FER+'s votes, and is held to
            their majority.

    Raises:
        InputError: If the data has no such face, or no votes where they are needed.
    """
    rows = np.sort(_shuffled_rows(data, labels)[:GATE_FACES])
    return _labelled(data, rows, spec, labels, "faces of PublicTest")


def other_public_test_faces(
    data: Fer2013, spec: InputSpec, labels: tuple[str, ...] = FER2013_LABELS
) -> GateFaces:
    """Return the clean faces of PublicTest that the gate does not use: to choose on.

    Args:
        data: FER2013.
        spec: Input of the model.
        labels: The model's, as above.

    Raises:
        InputError: If the gate uses all, or there are no votes where they are needed.
    """
    rows = np.sort(_shuffled_rows(data, labels)[GATE_FACES:])
    if not len(rows):
        raise InputError(
            f"choosing layers needs more than the gate's {GATE_FACES} faces of PublicTest: "
            "name the layers"
        )
    return _labelled(data, rows, spec, labels, "other faces of PublicTest")


def synthetic_faces(means: NDArray[np.uint8], spec: InputSpec) -> GateFaces:
    """Make 1,000 faces out of mean faces: mixed, exaggerated, lit and blurred differently.

    Nobody could say what they express, so labels are compared but not scored; and many lie between
    two expressions, so that fewer labels have to agree.

    Args:
        means: Mean face of each expression, uint8 (7, height, width).
        spec: Input of the model.
    """
    rng = np.random.default_rng(0)
    base = means.astype(np.float64)
    whole = base.mean(axis=0)
    faces = []
    for _ in range(GATE_FACES):
        shares = rng.dirichlet(np.full(len(base), 0.05))
        face = whole + (np.tensordot(shares, base, 1) - whole) * rng.uniform(4, 12)
        face = (face - face.mean()) * rng.uniform(0.8, 2.0) + rng.uniform(80, 170)
        light = cv2.GaussianBlur(rng.normal(size=face.shape), (0, 0), rng.uniform(2, 8))
        face += light / light.std() * rng.uniform(0, 15)
        face += rng.normal(0, rng.uniform(0, 3), face.shape)
        faces.append(np.clip(np.rint(face), 0, 255).astype(np.uint8))
    words = f"{len(faces)} made-up faces, mixed from FER2013's mean faces"
    return GateFaces(words, to_inputs(faces, spec, "grey"), agreement=0.9)


def _labelled(
    data: Fer2013, rows: NDArray[np.intp], spec: InputSpec, labels: tuple[str, ...], words: str
) -> GateFaces:
    faces = to_inputs(list(data.pixels[rows]), spec, "grey")
    words = f"{len(rows)} {words}"
    if "contempt" not in labels:
        truth = np.array(FER2013_LABELS)[data.emotion[rows]]
        return GateFaces(words, faces, truth, "FER2013")
    majority, _ = ferplus.majority(data.ferplus_votes[rows])
    return GateFaces(words, faces, np.array(FERPLUS_LABELS)[majority], "FER+ majority")


def _shuffled_rows(data: Fer2013, labels: tuple[str, ...]) -> NDArray[np.intp]:
    rows = data.rows(PUBLIC_TEST, deduplicated=True)
    if "contempt" in labels:
        _, usable = ferplus.majority(data.ferplus_votes)
        rows = rows[usable[rows]]
    if not len(rows):
        raise InputError("proving a conversion needs faces of PublicTest, but the data has none")
    return np.asarray(np.random.default_rng(0).permutation(rows))
