"""Teachers that predict within the training step, for the very faces that the student sees.

Augmented and blended faces get the teachers' predictions for these faces instead of stored ones
(function matching: Beyer et al. 2022, https://arxiv.org/abs/2106.05237).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from fer_sdk._internal.files import sha256_of
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.prior import TRAINING
from fer_sdk.errors import InputError
from fer_train.models import pretrained
from fer_train.training import mixed_precision


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained network and how its logits become probabilities.

    Attributes:
        network: From float32 (batch, 48, 48, 1), range [0, 255], to logits.
        labels: Class names of the logits.
        weight: Weight in the mean of all teachers, above 0.
        temperature: Divisor of the logits.
        offsets: Added to the logits before that, one per class.
        digest: Identifies the network: the SHA-256 of its file.
    """

    network: keras.Model
    labels: tuple[str, ...]
    weight: float
    temperature: float = 1.0
    offsets: tuple[float, ...] = (0.0,)
    digest: str = ""


def load(models: Mapping[Path, float]) -> list[Teacher]:
    """Load teachers from `.keras` files with sidecars; they predict under the training prior.

    Args:
        models: Weight of each file.

    Raises:
        FerError: If a file or its sidecar is missing or damaged.
    """
    teachers = []
    for path, weight in models.items():
        bundle = ModelBundle.load(path)
        prior = bundle.prior(TRAINING)
        teachers.append(
            Teacher(
                pretrained.load(str(path)), bundle.labels, weight, prior.temperature,
                tuple(prior.offsets), sha256_of(path),
            )
        )  # fmt: skip
    return teachers


class OnlineTeachers(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Weighted mean of the teachers' probabilities; no gradient reaches the teachers.

    Attributes:
        digest: Identifies teachers and weights, 16 hexadecimal digits.
    """

    def __init__(
        self, teachers: Sequence[Teacher], classes: tuple[str, ...], precision: str
    ) -> None:
        """Prepare the teachers for inference.

        Args:
            teachers: At least one; their networks are frozen and set to `precision`.
            classes: Class names of the student. Teachers' probabilities of other classes are left
                out and the rest is normalized; classes that a teacher lacks get 0.
            precision: Dtype policy of Keras for the networks.

        Raises:
            InputError: If there is no teacher, or one shares fewer than two classes with the
                student.
        """
        super().__init__(name="teachers", trainable=False)
        if not teachers:
            raise InputError("training with online teachers needs at least one teacher")
        self.networks = [teacher.network for teacher in teachers]
        self._settings, self._columns = list(teachers), []
        total = sum(teacher.weight for teacher in teachers)
        self._weights = [teacher.weight / total for teacher in teachers]
        for teacher in teachers:
            if len(set(teacher.labels) & set(classes)) < 2:
                raise InputError(
                    f"a teacher has the labels {', '.join(teacher.labels)}, "
                    f"of which the student's {', '.join(classes)} has fewer than two"
                )
            same = [[mine == theirs for mine in classes] for theirs in teacher.labels]
            self._columns.append(np.array(same, np.float32))
            teacher.network.trainable = False
            mixed_precision.set_policy(teacher.network, precision)
        self._classes = len(classes)
        text = repr([(each.digest, each.weight) for each in teachers])
        self.digest = hashlib.sha256(text.encode()).hexdigest()[:16]

    def call(self, faces: keras.KerasTensor) -> keras.KerasTensor:
        """Return probabilities, float32 (batch, classes), for faces as the networks take them."""
        mean = 0.0
        for number, teacher in enumerate(self._settings):
            logits = ops.cast(self.networks[number](faces, training=False), "float32")
            logits = (logits + np.array(teacher.offsets, np.float32)) / teacher.temperature
            known = ops.softmax(logits) @ self._columns[number]
            share = self._weights[number] / ops.sum(known, axis=1, keepdims=True)
            mean = mean + share * known
        return ops.stop_gradient(mean)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, int]:
        """Return (batch, classes)."""
        return input_shape[0], self._classes

    def beside(
        self,
        student: keras.Model,
        faces: keras.KerasTensor,
        augmentations: Sequence[layers.Layer],
        resize: Sequence[layers.Layer],
    ) -> keras.Model:
        """Return the network of the training step.

        Args:
            student: Network to train.
            faces: Symbolic input.
            augmentations: Layers that augment the faces for student and teachers.
            resize: Layers before the student alone.

        Returns:
            Model from faces to the student's logits and the teachers' probabilities side by side.
        """
        augmented = faces
        for layer in augmentations:
            augmented = layer(augmented)
        resized = augmented
        for layer in resize:
            resized = layer(resized)
        both = layers.Concatenate()([student(resized), self(augmented)])
        return keras.Model(faces, both)
