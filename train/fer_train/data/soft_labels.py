"""Soft labels: teachers' predictions for numbered augmentations of the training faces, as a file.

The .npz holds `labels`, uint8 (augmentations, n, classes), and `manifest`, JSON text with the
classes, the teachers and their hashes, the data's fingerprint and the augmentation. A probability p
is stored as round(255 sqrt(p)), which resolves small probabilities better than round(255 p).
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
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.data.recipe import Augmentation

SCHEMA = 2


@dataclass(frozen=True, slots=True)
class SoftLabels:
    """Mean predictions of several teachers.

    Attributes:
        labels: uint8 (augmentations, n, classes), encoded as the module's docstring describes; n
            counts the Training faces that are not blank.
        classes: Class names.
        augmentation: Limits of the augmentations, for `numbered_augmentation`.
        data: Fingerprint of the FER2013 data.
        members: Folder and name of each teacher's file, and its SHA-256.
    """

    labels: NDArray[np.uint8]
    classes: tuple[str, ...]
    augmentation: Augmentation
    data: str
    members: dict[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 of the labels."""
        return hashlib.sha256(np.ascontiguousarray(self.labels).tobytes()).hexdigest()

    def probabilities(self, number: int, temperature: float = 1.0) -> NDArray[np.float32]:
        """Return the predictions for one augmentation.

        Args:
            number: Number of the augmentation, 0 to len(labels) - 1.
            temperature: Softmax temperature; above 1 softens the distribution (Hinton et al. 2015,
                https://arxiv.org/abs/1503.02531).

        Returns:
            float32 (n, classes); each row sums to 1.
        """
        powers = (self.labels[number].astype(np.float64) / 255) ** (2 / temperature)
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


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
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file, labels=soft_labels.labels, manifest=np.array(json.dumps(manifest))
        )


def load(path: Path, data: Fer2013) -> SoftLabels:
    """Read soft labels and check that they belong to this data.

    Raises:
        InputError: If the file is missing or damaged, or belongs to other data.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            labels, manifest = archive["labels"], json.loads(str(archive["manifest"]))
        soft_labels = _parse(labels, manifest)
    except FileNotFoundError as error:
        raise InputError(
            f"no soft labels at {path}: create them with `fer-train soft-labels`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a readable soft-labels file: {error}") from error
    if manifest["labels_sha256"] != soft_labels.digest:
        raise InputError(f"{path} is damaged: the labels do not match the hash in its manifest")
    if soft_labels.data != data.fingerprint:
        raise InputError(
            f"{path} belongs to the data {soft_labels.data[:12]}..., "
            f"but the loaded data is {data.fingerprint[:12]}..."
        )
    return soft_labels


def _parse(labels: NDArray[np.uint8], manifest: dict[str, Any]) -> SoftLabels:
    augmentation = Augmentation(**manifest["augmentation"])
    if manifest["schema"] != SCHEMA or labels.dtype != np.uint8 or labels.ndim != 3:
        raise ValueError(f"schema {manifest['schema']}, labels {labels.dtype} {labels.shape}")
    classes = tuple(manifest["classes"])
    return SoftLabels(labels, classes, augmentation, manifest["data"], manifest["members"])
