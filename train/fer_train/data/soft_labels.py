"""Soft labels: teachers' predictions for numbered augmentations of faces, as a file.

The .npz holds `labels`, uint8 (augmentations, n, classes), with several teachers `agreement`, uint8
(n,), and `manifest`, JSON text with the classes, the teachers and their hashes, the fingerprint of
the faces and the augmentation. A probability p is stored as round(255 sqrt(p)), which resolves
small probabilities better than round(255 p).
"""

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk.errors import InputError
from fer_train.data.recipe import Augmentation

SCHEMA = 2


@dataclass(frozen=True, slots=True)
class SoftLabels:
    """Mean predictions of several teachers.

    Attributes:
        labels: uint8 (augmentations, n, classes), encoded as the module's docstring describes; n
            counts the faces: FER2013's Training faces that are not blank, or imported ones.
        classes: Class names.
        augmentation: Limits of the augmentations, for `numbered_augmentation`.
        data: Fingerprint of the FER2013 data or of the imported faces.
        members: Folder and name of each teacher's file, and its SHA-256.
        agreement: How much the teachers agree about each face, uint8 (n,): 255 for equal
            predictions, 0 for disjoint ones; None with a single teacher.
    """

    labels: NDArray[np.uint8]
    classes: tuple[str, ...]
    augmentation: Augmentation
    data: str
    members: dict[str, str]
    agreement: NDArray[np.uint8] | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the labels."""
        return hashlib.sha256(np.ascontiguousarray(self.labels).tobytes()).hexdigest()

    def probabilities(self, number: int) -> NDArray[np.float32]:
        """Return the predictions for one augmentation.

        Args:
            number: Number of the augmentation, 0 to len(labels) - 1.

        Returns:
            float32 (n, classes); each row sums to 1.
        """
        squares = (self.labels[number].astype(np.float64) / 255) ** 2
        return np.asarray(squares / squares.sum(axis=1, keepdims=True), np.float32)


def save(soft_labels: SoftLabels, path: Path) -> None:
    """Write soft labels and their manifest to one .npz file."""
    manifest = {
        "schema": SCHEMA,
        "data": soft_labels.data,
        "classes": soft_labels.classes,
        "members": soft_labels.members,
        "augmentation": asdict(soft_labels.augmentation),
        "augmentations": len(soft_labels.labels),
        "labels_sha256": soft_labels.digest,
    }
    agreement = soft_labels.agreement
    arrays: dict[str, Any] = {} if agreement is None else {"agreement": agreement}
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file, labels=soft_labels.labels, manifest=np.array(json.dumps(manifest)), **arrays
        )


def load(path: Path, fingerprint: str) -> SoftLabels:
    """Read soft labels and check that they belong to these faces.

    Args:
        path: File that `save` wrote.
        fingerprint: `Fer2013.fingerprint` or `ImportedFaces.fingerprint`.

    Raises:
        InputError: If the file is missing or damaged, or belongs to other faces.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            labels, manifest = archive["labels"], json.loads(str(archive["manifest"]))
            agreement = archive["agreement"] if "agreement" in archive.files else None
        soft_labels = _parse(labels, agreement, manifest)
    except FileNotFoundError as error:
        raise InputError(
            f"no soft labels at {path}: create them with `fer-train soft-labels`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a readable soft-labels file: {error}") from error
    if manifest["labels_sha256"] != soft_labels.digest:
        raise InputError(f"{path} is damaged: the labels do not match the hash in its manifest")
    if soft_labels.data != fingerprint:
        raise InputError(
            f"{path} belongs to the data {soft_labels.data[:12]}..., "
            f"but the loaded data is {fingerprint[:12]}..."
        )
    return soft_labels


def _parse(
    labels: NDArray[np.uint8], agreement: NDArray[np.uint8] | None, manifest: dict[str, Any]
) -> SoftLabels:
    augmentation = Augmentation(**manifest["augmentation"])
    if manifest["schema"] != SCHEMA or labels.dtype != np.uint8 or labels.ndim != 3:
        raise ValueError(f"schema {manifest['schema']}, labels {labels.dtype} {labels.shape}")
    if agreement is not None and agreement.shape != labels.shape[1:2]:
        raise ValueError(f"labels {labels.shape}, agreement {agreement.shape}")
    classes = tuple(manifest["classes"])
    return SoftLabels(
        labels, classes, augmentation, manifest["data"], manifest["members"], agreement
    )
