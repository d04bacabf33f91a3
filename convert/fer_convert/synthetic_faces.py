"""Synthetic faces: model inputs for comparing runtimes without photographs of people."""

import numpy as np
from numpy.typing import NDArray

from fer_sdk.preprocess import InputSpec

Plane = NDArray[np.float64]


def synthetic_faces(count: int, spec: InputSpec, seed: int = 0) -> NDArray[np.uint8]:
    """Generate schematic faces of many expressions, with eyes and mouth at the crop's positions.

    Args:
        count: Number of faces.
        spec: Input of the model.
        seed: Random seed.

    Returns:
        uint8 (count, spec.height, spec.width), range [0, 255].
    """
    rng = np.random.default_rng(seed)
    return np.stack([_face(rng, spec) for _ in range(count)])


def _face(rng: np.random.Generator, spec: InputSpec) -> NDArray[np.uint8]:
    y, x = np.mgrid[0 : spec.height, 0 : spec.width].astype(np.float64)
    crop = spec.crop
    unit = (crop.left_eye[0] - crop.right_eye[0]) / 18.4  # 1 in a 48x48 input
    middle, between = crop.mouth[0], crop.right_eye[1]
    skin, dark = rng.uniform(90, 230), rng.uniform(5, 70)
    image = np.full((spec.height, spec.width), rng.uniform(20, 230))

    def paint(inside: Plane, level: float) -> None:
        cover = 1 / (1 + np.exp(-np.clip(inside / unit, -50, 50)))
        image[:] = image * (1 - cover) + level * cover

    def blob(at: tuple[float, float], across: float, down: float, level: float) -> None:
        away = ((x - at[0]) / (across * unit)) ** 2 + ((y - at[1]) / (down * unit)) ** 2
        paint((1 - away) * min(across, down) * unit, level)

    blob((middle, between + 6 * unit), rng.uniform(17, 23), rng.uniform(22, 30), skin)
    eye_height, brow_height, slope = rng.uniform(1, 4.5), rng.uniform(5, 10), rng.uniform(-0.4, 0.4)
    for side, eye in ((-1, crop.right_eye), (1, crop.left_eye)):
        blob(eye, 4, eye_height, min(255, skin + rng.uniform(0, 60)))
        blob(eye, 2, min(eye_height, 2.2), dark)
        brow = eye[1] - brow_height * unit - slope * side * (x - eye[0])
        paint(np.minimum(3 * (1.4 * unit - abs(y - brow)), 2 * (6 * unit - abs(x - eye[0]))), dark)
    blob((middle, between + 10 * unit), 2.5, 5, 0.85 * skin)
    bend, width, gap = rng.uniform(-0.09, 0.09), rng.uniform(5, 11) * unit, rng.uniform(0.6, 6)
    lip = crop.mouth[1] - bend * ((x - middle) ** 2 / unit - 20 * unit)
    inside = gap * unit * np.sqrt(np.maximum(0, 1 - ((x - middle) / width) ** 2)) + 0.3 * unit
    paint(
        np.minimum(3 * (inside - abs(y - lip)), 2 * (width - abs(x - middle))),
        255 if rng.random() < 0.4 else dark,
    )
    light = rng.uniform(-40, 40) * (x - middle) / spec.width * 2
    noisy = image + light + rng.normal(0, rng.uniform(0, 8), image.shape)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)
