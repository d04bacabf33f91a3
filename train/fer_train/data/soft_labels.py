"""What teachers answered about numbered views of the training faces, small enough to commit.

A file holds `labels`, uint8 (views, n, classes), round(255 sqrt(p)), which keeps small
probabilities, and `manifest`, JSON text: classes, members with their hashes, data, augmentation.
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
    """Teachers' answers.

    Attributes:
        labels: uint8 (views, n, classes), as the module's docstring says; n is Training without
            blanks.
        classes: Their names.
        augmentation: Of the views, for `numbered_view`.
        data: Fingerprint of the FER2013 that the rows are of.
        members: Folder and name of each teacher's file, and its sha256.
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

    def probabilities(self, view: int, temperature: float = 1.0) -> NDArray[np.float32]:
        """Return the answers to one view.

        Args:
            view: Its number, 0 to len(labels) - 1.
            temperature: Above 1 softens (Hinton et al. 2015, https://arxiv.org/abs/1503.02531).

        Returns:
            float32 (n, classes), each row a distribution.
        """
        powers = (self.labels[view].astype(np.float64) / 255) ** (2 / temperature)
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def save(soft: SoftLabels, path: Path) -> None:
    """Write soft labels and their manifest as one .npz."""
    manifest = {
        "schema": SCHEMA,
        "data": soft.data,
        "classes": soft.classes,
        "members": soft.members,
        "augmentation": asdict(soft.augmentation),
        "views": len(soft.labels),
        "labels_sha256": soft.digest,
    }
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, labels=soft.labels, manifest=np.array(json.dumps(manifest)))


def load(path: Path, data: Fer2013) -> SoftLabels:
    """Read soft labels and check that they are of this data.

    Raises:
        InputError: If the file is missing, damaged or of other faces.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            labels, manifest = archive["labels"], json.loads(str(archive["manifest"]))
        soft = _parse(labels, manifest)
    except FileNotFoundError as error:
        raise InputError(
            f"no soft labels at {path}: `fer-train soft-labels` writes them"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} holds no readable soft labels: {error}") from error
    if manifest["labels_sha256"] != soft.digest:
        raise InputError(f"{path} is damaged: its labels are not those of its manifest")
    if soft.data != data.fingerprint:
        raise InputError(
            f"{path} is of the data {soft.data[:12]}..., "
            f"but the faces are {data.fingerprint[:12]}..."
        )
    return soft


def _parse(labels: NDArray[np.uint8], manifest: dict[str, Any]) -> SoftLabels:
    augmentation = Augmentation(**manifest["augmentation"])
    if manifest["schema"] != SCHEMA or labels.dtype != np.uint8 or labels.ndim != 3:
        raise ValueError(f"schema {manifest['schema']}, labels {labels.dtype} {labels.shape}")
    classes = tuple(manifest["classes"])
    return SoftLabels(labels, classes, augmentation, manifest["data"], manifest["members"])
