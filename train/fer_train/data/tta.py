"""Views of faces that are the same ones on every machine.

Numbered views of the training faces, for teacher and student: Keras' random layers draw other
numbers on every backend; these are drawn and computed by NumPy, through the SDK's own resampling,
so that soft labels written on one machine fit a student that is trained on another.

Test views, the same of every face, for test-time augmentation.
"""

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.preprocess import FER2013_INPUT, Affine, sample
from fer_train.data.recipe import Augmentation


def numbered_view(
    faces: NDArray[np.uint8], augmentation: Augmentation, number: int
) -> NDArray[np.uint8]:
    """Return one view of every face; view 0 is the face itself.

    Args:
        faces: uint8 (n, 48, 48), range [0, 255].
        augmentation: How far a view may differ; erasing, noise and vertical flips are left to the
            training step.
        number: Which view; the same number gives the same views of the same number of faces.

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
    views = np.zeros_like(faces)
    for row, face in enumerate(faces):
        place = _place(angle[row], scale[row], shift_x[row], shift_y[row], mirror[row])
        views[row] = sample(face, place, FER2013_INPUT, "grey")
    mean = views.mean(axis=(1, 2), keepdims=True)
    levels = (views - mean) * contrast[:, None, None] + mean + brightness[:, None, None]
    return np.asarray(np.clip(np.round(levels), 0, 255), np.uint8)


TEST_VIEWS: Final = (
    # Degrees, zoom, shift to the right and down in pixels.
    (0.0, 1.0, 0.0, 0.0),
    (6.0, 1.0, 0.0, 0.0),
    (-6.0, 1.0, 0.0, 0.0),
    (0.0, 1.1, 1.5, 0.0),
    (0.0, 1.0, 0.0, 2.0),
    (0.0, 0.92, 0.0, 0.0),
)


def augmented(faces: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield `TEST_VIEWS` of every face and their mirror images, the face itself first.

    Args:
        faces: uint8 (n, 48, 48), range [0, 255].

    Yields:
        uint8 (n, 48, 48), twelve times.
    """
    for degrees, zoom, shift_x, shift_y in TEST_VIEWS:
        place = _place(math.radians(degrees), zoom, shift_x, shift_y, 1.0)
        view = np.stack([sample(face, place, FER2013_INPUT, "grey") for face in faces])
        yield view
        yield np.ascontiguousarray(view[:, :, ::-1])


def _place(angle: float, scale: float, shift_x: float, shift_y: float, mirror: float) -> Affine:
    """Return where the pixels of a turned, enlarged, moved, mirrored view lie in the face."""
    cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
    centre = (FER2013_INPUT.width - 1) / 2
    xx, xy, yx, yy = cosine * mirror, -sine * mirror, sine, cosine
    across, down = centre + shift_x, centre + shift_y
    return Affine(
        xx, xy, centre - xx * across - xy * down, yx, yy, centre - yx * across - yy * down
    )
