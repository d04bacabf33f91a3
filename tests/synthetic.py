"""Synthetic faces, and files made of them."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fer_sdk.evaluation.fer2013 import USAGES, Fer2013
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS


def band_face(band: int, level: int = 255) -> NDArray[np.uint8]:
    """Return a black face with one of its eight bands at a grey level: uint8 (48, 48)."""
    face = np.zeros((48, 48), np.uint8)
    face[6 * band : 6 * band + 6] = level
    return face


def synthetic_faces(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return noisy faces whose bright band is at the position of their label, and the labels.

    Shapes are (count, 48, 48) and (count,), both uint8; labels cycle through 0 to 6.
    """
    labels = np.arange(count) % 7
    return _noisy([band_face(int(label), 200) for label in labels], seed), labels.astype(np.uint8)


def striped_faces(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return noisy faces with every (label + 2)th row bright; otherwise as `synthetic_faces`.

    The mean over the face depends on the label, so a network with global pooling learns these
    faces faster than bands, which differ in position only.
    """
    labels = np.arange(count) % 7
    faces = np.zeros((count, 48, 48), np.uint8)
    for face, label in zip(faces, labels, strict=True):
        face[:: label + 2] = 200
    return _noisy(faces, seed), labels.astype(np.uint8)


def _noisy(faces: ArrayLike, seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    smooth = np.asarray(faces, np.int64)
    noisy = np.asarray(np.clip(smooth + rng.integers(0, 60, smooth.shape), 0, 255), np.uint8)
    noisy[:, 0, 0], noisy[:, 0, 1] = 0, 255
    return noisy


def with_votes(data: Fer2013) -> Fer2013:
    """Return the data with eight FER+ votes per face, all for its label."""
    columns = np.array([FERPLUS_LABELS.index(label) for label in FER2013_LABELS])
    votes = np.zeros((len(data.emotion), len(FERPLUS_LABELS)), np.uint8)
    votes[np.arange(len(votes)), columns[data.emotion]] = 8
    return replace(data, ferplus_votes=votes)


def moving_face(number: int) -> NDArray[np.uint8]:
    """Return one frame of the moving and turning sample portrait: uint8 (360, 480, 3), BGR."""
    zoom = 1 + 0.15 * np.sin(number / 11)
    turn = cv2.getRotationMatrix2D((223, 120), 8 * np.sin(number / 15), zoom)
    turn[:, 2] += (17 + 60 * np.sin(number / 9), 40 + 25 * np.cos(number / 7))
    frame = cv2.warpAffine(_portrait(), turn, (480, 360), borderValue=(90, 90, 90))
    return np.asarray(frame, np.uint8)


@cache
def _portrait() -> NDArray[np.uint8]:
    path = Path(__file__).parents[1] / "examples" / "eileen_collins.png"
    return np.asarray(cv2.imread(str(path)), np.uint8)


def write_csv(data: Fer2013, path: Path, header: str = "emotion,pixels,Usage") -> Path:
    """Write faces in the format of the official CSV file, columns in the order of the header."""
    lines = [header]
    for face, emotion, usage in zip(data.pixels, data.emotion, data.usage, strict=True):
        values = {
            "emotion": str(emotion),
            "pixels": " ".join(map(str, face.ravel().tolist())),
            "Usage": USAGES[usage],
        }
        lines.append(",".join(values[name.strip()] for name in header.split(",")))
    path.write_text("\n".join(lines) + "\n")
    return path
