"""Parity faces: the faces on which a converted file is compared with its float model."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_convert.parity import ParityError
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError
from fer_sdk.evaluation import ferplus
from fer_sdk.evaluation.fer2013 import PUBLIC_TEST, Fer2013
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS
from fer_sdk.preprocess import InputSpec, to_inputs

PARITY_FACE_COUNT: Final = 1000


@dataclass(frozen=True, slots=True)
class ParityFaces:
    """Faces for comparing a converted file with its float model.

    Attributes:
        description: What the faces are, for output and sidecars.
        faces: Model inputs, uint8 (n, height, width), range [0, 255].
        truth: Correct expression of each face by name, (n,), or None if unlabeled.
        label_source: Data set of `truth` as named in sidecars; empty if unlabeled.
        agreement: Smallest allowed share of faces with the same label, 0 to 1.
    """

    description: str
    faces: NDArray[np.uint8]
    truth: NDArray[np.str_] | None = None
    label_source: str = ""
    agreement: float = 0.95

    def class_indices(self, source: ModelBundle) -> NDArray[np.intp] | None:
        """Return the model's output index of each correct expression, intp (n,), or None.

        Args:
            source: The float model.

        Raises:
            ParityError: If the model lacks one of FER2013's seven expressions.
        """
        if self.truth is None:
            return None
        missing = [label for label in FER2013_LABELS if label not in source.labels]
        if missing:
            raise ParityError(
                f"{source.path} must have FER2013's seven expressions as labels, "
                f"but lacks {', '.join(missing)}"
            )
        names, which = np.unique(self.truth, return_inverse=True)
        return np.array([source.labels.index(name) for name in names], np.intp)[which]


def public_test_faces(
    data: Fer2013,
    spec: InputSpec,
    labels: tuple[str, ...] = FER2013_LABELS,
    *,
    ferplus_votes: bool = False,
) -> ParityFaces:
    """Return up to 1,000 deduplicated PublicTest faces with labels; the selection is fixed.

    Args:
        data: FER2013.
        spec: Input of the model.
        labels: Labels of the model.
        ferplus_votes: Compare with the majority of FER+'s votes instead of FER2013's labels, on the
            faces where it is one of the model's labels.

    Raises:
        InputError: If the data has no PublicTest faces, or lacks FER+ votes that are needed.
    """
    rows = _shuffled_rows(data, labels, ferplus_votes)[:PARITY_FACE_COUNT]
    return _labeled(data, np.sort(rows), spec, ferplus_votes, "faces of PublicTest")


def other_public_test_faces(
    data: Fer2013,
    spec: InputSpec,
    labels: tuple[str, ...] = FER2013_LABELS,
    *,
    ferplus_votes: bool = False,
) -> ParityFaces:
    """Return the deduplicated PublicTest faces that `public_test_faces` leaves out.

    Float layers are selected on these faces, so that the parity faces stay unseen.

    Args:
        data: FER2013.
        spec: Input of the model.
        labels: Labels of the model.
        ferplus_votes: As for `public_test_faces`.

    Raises:
        InputError: If no faces are left, or FER+ votes are needed and missing.
    """
    rows = np.sort(_shuffled_rows(data, labels, ferplus_votes)[PARITY_FACE_COUNT:])
    if not len(rows):
        raise InputError(
            f"selecting layers needs more than the {PARITY_FACE_COUNT} parity faces of "
            "PublicTest: give the layers' numbers"
        )
    return _labeled(data, rows, spec, ferplus_votes, "other faces of PublicTest")


def mean_face_mixtures(means: NDArray[np.uint8], spec: InputSpec) -> ParityFaces:
    """Generate 1,000 synthetic faces by mixing mean faces with random contrast, light and noise.

    The faces have no labels, so only predictions are compared. Many lie between two expressions,
    therefore the required label agreement is 0.9.

    Args:
        means: Mean face of each expression, uint8 (7, height, width).
        spec: Input of the model.
    """
    rng = np.random.default_rng(0)
    base = means.astype(np.float64)
    mean = base.mean(axis=0)
    faces = []
    for _ in range(PARITY_FACE_COUNT):
        shares = rng.dirichlet(np.full(len(base), 0.05))
        face = mean + (np.tensordot(shares, base, 1) - mean) * rng.uniform(4, 12)
        face = (face - face.mean()) * rng.uniform(0.8, 2.0) + rng.uniform(80, 170)
        light = cv2.GaussianBlur(rng.normal(size=face.shape), (0, 0), rng.uniform(2, 8))
        face += light / light.std() * rng.uniform(0, 15)
        face += rng.normal(0, rng.uniform(0, 3), face.shape)
        faces.append(np.clip(np.rint(face), 0, 255).astype(np.uint8))
    description = f"{len(faces)} synthetic faces, mixed from FER2013's mean faces"
    return ParityFaces(description, to_inputs(faces, spec, "grey"), agreement=0.9)


def _labeled(
    data: Fer2013, rows: NDArray[np.intp], spec: InputSpec, ferplus_votes: bool, kind: str
) -> ParityFaces:
    faces = to_inputs(list(data.pixels[rows]), spec, "grey")
    description = f"{len(rows)} {kind}"
    if not ferplus_votes:
        truth = np.array(FER2013_LABELS)[data.emotion[rows]]
        return ParityFaces(description, faces, truth, "FER2013")
    majority, _ = ferplus.majority(data.ferplus_votes[rows])
    return ParityFaces(description, faces, np.array(FERPLUS_LABELS)[majority], "FER+ majority")


def _shuffled_rows(data: Fer2013, labels: tuple[str, ...], ferplus_votes: bool) -> NDArray[np.intp]:
    rows = data.rows(PUBLIC_TEST, deduplicated=True)
    if ferplus_votes:
        majority, usable = ferplus.majority(data.ferplus_votes)
        inside = np.isin(np.array(FERPLUS_LABELS)[majority], labels)
        rows = rows[(usable & inside)[rows]]
    if not len(rows):
        raise InputError("the parity check needs faces of PublicTest, but the data has none")
    return np.asarray(np.random.default_rng(0).permutation(rows))
