"""Made-up faces that a tiny net can tell apart."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fer_sdk.fer2013 import USAGES, Fer2013


def band_face(band: int, level: int = 255) -> NDArray[np.uint8]:
    """Return a black face with one of its eight bands at a grey level."""
    face = np.zeros((48, 48), np.uint8)
    face[6 * band : 6 * band + 6] = level
    return face


def made_up_faces(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return noisy faces whose bright band is their label: uint8 (count, 48, 48) and (count,)."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 7
    faces = np.stack([band_face(int(label), 200) for label in labels]).astype(np.int64)
    noisy = np.clip(faces + rng.integers(0, 60, faces.shape), 0, 255).astype(np.uint8)
    noisy[:, 0, 0], noisy[:, 0, 1] = 0, 255
    return noisy, labels.astype(np.uint8)


def write_csv(data: Fer2013, path: Path, header: str = "emotion,pixels,Usage") -> Path:
    """Write rows as the official csv has them, columns in the header's order."""
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
