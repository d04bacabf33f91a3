"""Augmentations in NumPy that are identical on every machine and backend.

Numbered augmentations are shared by teachers and students: soft labels that were predicted on one
machine fit the faces that a student sees on another. Keras' random layers give other numbers on
every backend.

Test-time augmentations are the same fixed transforms for every face.
"""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.preprocess import FER2013_INPUT, Affine, sample
from fer_train.data.recipe import Augmentation


def numbered_augmentation(
    faces: NDArray[np.uint8], augmentation: Augmentation, number: int
) -> NDArray[np.uint8]:
    """Augment every face by random transforms that are seeded with a number.

    Args:
        faces: uint8 (n, 48, 48), range [0, 255].
        augmentation: Limits of the transforms. Erasing, noise and vertical flips are ignored; the
            training step applies them.
        number: Seed. 0 returns the faces unchanged; any other number gives the same result for the
            same number of faces.

    Returns:
        uint8 (n, 48, 48), range [0, 255].
    """
    if number == 0:
        return faces
    rng = np.random.default_rng([20_130_613, number])

    def draw(limit: float) -> NDArray[np.float64]:
        return rng.uniform(-limit, limit, len(faces))

    angle = draw(math.radians(augmentation.rotation_degrees))
    scale = np.exp(draw(math.log1p(augmentation.zoom)))
    shift_x, shift_y = draw(augmentation.shift_px), draw(augmentation.shift_px)
    mirror = np.sign(draw(1.0)) if augmentation.flip else np.ones(len(faces))
    contrast, brightness = 1 + draw(augmentation.contrast), 255 * draw(augmentation.brightness)
    augmented = np.zeros_like(faces)
    for row, face in enumerate(faces):
        transform = _transform(angle[row], scale[row], shift_x[row], shift_y[row], mirror[row])
        augmented[row] = sample(face, transform, FER2013_INPUT, "grey")
    mean = augmented.mean(axis=(1, 2), keepdims=True)
    levels = (augmented - mean) * contrast[:, None, None] + mean + brightness[:, None, None]
    return np.asarray(np.clip(np.round(levels), 0, 255), np.uint8)


TTA_TRANSFORMS: Final = (
    # Rotation in degrees, zoom, shift to the right and down in pixels.
    (0.0, 1.0, 0.0, 0.0),
    (6.0, 1.0, 0.0, 0.0),
    (-6.0, 1.0, 0.0, 0.0),
    (0.0, 1.1, 1.5, 0.0),
    (0.0, 1.0, 0.0, 2.0),
    (0.0, 0.92, 0.0, 0.0),
)


def augment_at_test_time(faces: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield every face under each of `TTA_TRANSFORMS`, each followed by its mirror image.

    Args:
        faces: uint8 (n, 48, 48), range [0, 255].

    Yields:
        uint8 (n, 48, 48), twelve times; the unchanged faces come first.
    """
    for degrees, zoom, shift_x, shift_y in TTA_TRANSFORMS:
        transform = _transform(math.radians(degrees), zoom, shift_x, shift_y, 1.0)
        augmented = np.stack([sample(face, transform, FER2013_INPUT, "grey") for face in faces])
        yield augmented
        yield np.ascontiguousarray(augmented[:, :, ::-1])


def _transform(angle: float, scale: float, shift_x: float, shift_y: float, mirror: float) -> Affine:
    """Return the map from pixels of the augmented face to pixels of the original face."""
    cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
    centre = (FER2013_INPUT.width - 1) / 2
    xx, xy, yx, yy = cosine * mirror, -sine * mirror, sine, cosine
    across, down = centre + shift_x, centre + shift_y
    return Affine(
        xx, xy, centre - xx * across - xy * down, yx, yy, centre - yx * across - yy * down
    )
