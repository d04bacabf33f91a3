"""Random augmentations as Keras layers that run inside the training step.

The random state is a variable of each layer, so checkpoints contain it.
"""

import math

import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from fer_train.data.recipe import Augmentation


class RandomAffine(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Rotate, zoom, shift and mirror by one interpolation; Keras' own layers need four."""

    def __init__(self, augmentation: Augmentation, seed: int) -> None:
        """Store the limits and seed the random state of the layer."""
        super().__init__(name="random_affine")
        self.augmentation = augmentation
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, faces: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Transform each face at random, float32 (batch, height, width, channels)."""
        if not training:
            return faces
        limits = self.augmentation
        batch, height, width, _ = ops.shape(faces)

        def draw(limit: float) -> keras.KerasTensor:
            return keras.random.uniform((batch,), -limit, limit, seed=self.seed_generator)

        angle = draw(math.radians(limits.rotation_degrees))
        scale = ops.exp(draw(math.log1p(limits.zoom)))
        shift_x, shift_y = draw(limits.shift_px), draw(limits.shift_px)
        mirror = ops.sign(draw(1.0)) if limits.flip else ops.ones((batch,))
        upside = ops.sign(draw(1.0)) if limits.flip_vertical else ops.ones((batch,))
        cosine, sine = ops.cos(angle) / scale, ops.sin(angle) / scale
        centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
        # Output pixel (x, y) is read at centre + matrix @ ((x, y) - centre - shift).
        across_x, across_y = centre_x + shift_x, centre_y + shift_y
        a0, a1 = cosine * mirror, -sine * mirror
        b0, b1 = sine * upside, cosine * upside
        matrix = ops.stack(
            [
                a0,
                a1,
                centre_x - a0 * across_x - a1 * across_y,
                b0,
                b1,
                centre_y - b0 * across_x - b1 * across_y,
                ops.zeros_like(a0),
                ops.zeros_like(a0),
            ],
            axis=1,
        )
        return ops.image.affine_transform(
            faces,
            matrix,
            interpolation="bilinear",
            fill_mode="nearest",
            data_format="channels_last",
        )

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input's shape, which the transform keeps."""
        return input_shape


def build(augmentation: Augmentation, seed: int) -> list[layers.Layer]:
    """Return the layers that augment faces, range [0, 255], during training."""
    grey_levels = (0.0, 255.0)
    chain: list[layers.Layer] = [RandomAffine(augmentation, seed)]
    if augmentation.contrast:
        chain.append(layers.RandomContrast(augmentation.contrast, grey_levels, seed=seed + 1))
    if augmentation.brightness:
        chain.append(layers.RandomBrightness(augmentation.brightness, grey_levels, seed=seed + 2))
    if augmentation.noise:
        # Keras' layer accepts at most 1, so it is applied to levels in [0, 1].
        chain += [
            layers.Rescaling(1 / 255),
            layers.GaussianNoise(augmentation.noise, seed=seed + 4),
            layers.Rescaling(255.0),
        ]
    if augmentation.erasing:
        chain.append(
            layers.RandomErasing(
                augmentation.erasing, fill_value=127.5, value_range=grey_levels, seed=seed + 3
            )
        )
    return chain


def example_augmentations(
    faces: NDArray[np.uint8], augmentation: Augmentation, count: int, seed: int = 0
) -> NDArray[np.uint8]:
    """Return randomly augmented copies of some faces, as training uses them.

    Args:
        faces: uint8 (n, height, width).
        augmentation: Limits of the augmentations.
        count: Copies of each face.
        seed: The same seed gives the same result.

    Returns:
        uint8 (n, count, height, width).
    """
    chain = keras.Sequential([keras.Input((*faces.shape[1:], 1)), *build(augmentation, seed)])
    repeated = np.repeat(faces, count, axis=0)[..., None].astype(np.float32)
    augmented = keras.ops.convert_to_numpy(chain(repeated, training=True))
    levels = np.clip(np.round(augmented), 0, 255).reshape(len(faces), count, *faces.shape[1:])
    return np.asarray(levels, np.uint8)
