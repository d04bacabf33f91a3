"""Faces for timing and scoring: FER2013, a folder of labelled pictures, or the sample face."""

import hashlib
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.evaluation import ferplus
from fer_sdk.evaluation.fer2013 import TRAINING, USAGES, Fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS, LABEL_FOLDERS
from fer_sdk.preprocess import FER2013_INPUT, to_input

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to score predictions.

    Attributes:
        name: Name shown in tables.
        labels: All labels of the protocol.
        rows: Indices of the scored faces, int (m,).
        truth: Indices into `labels`, uint8 (m,).
        deduplicated: Bool (m,), False for faces with an exact copy in Training; None outside
            FER2013.
        optional: Labels that a model may lack; their faces are then excluded.
    """

    name: str
    labels: tuple[str, ...]
    rows: NDArray[np.intp]
    truth: NDArray[np.uint8]
    deduplicated: NDArray[np.bool_] | None
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces with the protocols to score predictions on them.

    Attributes:
        description: Number and origin of the faces.
        pixels: uint8 (n, height, width), range [0, 255].
        protocols: Empty for faces without labels.
        fingerprint: Hash of the data; None for faces without labels.
    """

    description: str
    pixels: NDArray[np.uint8]
    protocols: tuple[Protocol, ...]
    fingerprint: str | None

    def sample(self, count: int) -> "Faces":
        """Return at most `count` evenly spaced faces, with the same protocols."""
        if count >= len(self.pixels):
            return self
        kept = np.linspace(0, len(self.pixels) - 1, count).round().astype(np.intp)
        number = np.full(len(self.pixels), -1, np.intp)
        number[kept] = np.arange(count)
        protocols = []
        for protocol in self.protocols:
            inside = number[protocol.rows] >= 0
            deduplicated = None if protocol.deduplicated is None else protocol.deduplicated[inside]
            protocols.append(
                replace(
                    protocol,
                    rows=number[protocol.rows[inside]],
                    truth=protocol.truth[inside],
                    deduplicated=deduplicated,
                )
            )
        return replace(self, pixels=self.pixels[kept], protocols=tuple(protocols))


def of_fer2013(data: Fer2013, usage: int) -> Faces:
    """Return a FER2013 test split, with the FER+ majority as second protocol if there are votes.

    Args:
        data: FER2013, with or without FER+ votes.
        usage: `fer_sdk.evaluation.fer2013.PUBLIC_TEST` or `PRIVATE_TEST`.

    Raises:
        InputError: If the split is empty or Training.
    """
    rows = data.rows(usage)
    if usage == TRAINING or not len(rows):
        raise InputError(f"the data has no {USAGES[usage]} faces for scoring")
    deduplicated, everything = ~data.copied_from_training[rows], np.arange(len(rows))
    name = USAGES[usage]
    protocols = [Protocol(name, FER2013_LABELS, everything, data.emotion[rows], deduplicated)]
    if len(data.ferplus_votes):
        most, usable = ferplus.majority(data.ferplus_votes[rows])
        protocols.append(
            Protocol(
                f"{name}, FER+ majority",
                FERPLUS_LABELS[: ferplus.EXPRESSIONS],
                everything[usable],
                most[usable],
                deduplicated[usable],
                optional=("contempt",),
            )
        )
    return Faces(f"{len(rows)} faces of {name}", data.pixels[rows], tuple(protocols),
                 data.fingerprint)  # fmt: skip


def of_folder(folder: Path) -> Faces:
    """Return the faces in FOLDER/LABEL/PICTURE, resized to 48x48 grey.

    The pictures must be cropped like those of FER2013.

    Args:
        folder: Folder with one subfolder per label, named as in `fer_sdk.labels.LABEL_FOLDERS`.

    Raises:
        InputError: If a subfolder is not named by a label, or there is no picture.
    """
    if not folder.is_dir():
        raise InputError(f"no folder at {folder}")
    pixels, truth = [], []
    for inner in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        label = LABEL_FOLDERS.get(inner.name.lower())
        if label is None:
            raise InputError(
                f"{inner} must be named by a label ({', '.join(FER2013_LABELS)}): rename it"
            )
        found = sorted(p for p in inner.rglob("*") if p.suffix.lower() in SUFFIXES)
        for picture in (p for p in found if not p.name.startswith(".")):
            photo = read_photo(picture, convert=True)
            pixels.append(to_input(photo, FER2013_INPUT, "bgr"))
            truth.append(label)
    if not pixels:
        raise InputError(
            f"{folder} must hold FOLDER/label/*.png (or .jpg), but contains no picture"
        )
    array, labels = np.stack(pixels), np.array(truth, np.uint8)
    protocol = Protocol(folder.name, FER2013_LABELS, np.arange(len(labels)), labels, None)
    digest = hashlib.sha256(array.tobytes() + labels.tobytes()).hexdigest()
    return Faces(f"{len(labels)} faces of {folder.name}", array, (protocol,), digest)


def of_sample(count: int = 256) -> Faces:
    """Return variants of the sample face, without labels, for timing and parity."""
    source = resources.files("fer_bench") / "data" / "sample_face.png"
    with resources.as_file(source) as path:
        face = read_photo(path, convert=True)[..., 0]
    rng = np.random.default_rng(0)
    variants = np.zeros((count, *face.shape), np.uint8)
    for number in range(count):
        moved = np.roll(face, rng.integers(-4, 5, 2), axis=(0, 1))
        mirrored = moved[:, ::-1] if number % 2 else moved
        light = mirrored * rng.uniform(0.6, 1.2) + rng.uniform(-20, 20)
        variants[number] = np.clip(light + rng.normal(0, 8, face.shape), 0, 255)
    return Faces(f"{count} variants of the sample face", variants, (), None)
