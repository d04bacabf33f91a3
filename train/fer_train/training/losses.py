"""The loss of training with labels, votes and teachers' soft labels."""

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

_SMALLEST = 1e-6
"""Least probability of a soft label, below what `fer_train.data.soft_labels` resolves."""


class DistillationLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras has no types
    """Cross-entropy with targets, plus cross-entropy with soft labels at a temperature.

    The target of a face has two parts of `classes` values: class probabilities from labels and
    votes times their weight, and the teachers' probabilities times theirs.
    """

    def __init__(
        self,
        temperature: float,
        standardize: bool,
        log_frequencies: NDArray[np.float32] | None = None,
    ) -> None:
        """Store the settings.

        Args:
            temperature: Divides the logits of teachers and student; the second part of the loss is
                multiplied by its square, so that its gradient keeps its size (Hinton et al. 2015,
                https://arxiv.org/abs/1503.02531).
            standardize: Scale both sides' logits to mean 0 and standard deviation 1 first (Sun et
                al. 2024, https://arxiv.org/abs/2403.01427).
            log_frequencies: Added to the logits in the first part (Menon et al. 2021,
                https://arxiv.org/abs/2007.07314), float32 (classes,).
        """
        super().__init__(name="distillation")
        self.temperature, self.standardize = temperature, standardize
        self.log_frequencies = 0.0 if log_frequencies is None else log_frequencies

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each face (n,); targets (n, 2 x classes), logits (n, classes)."""
        targets, soft = ops.split(ops.cast(y_true, y_pred.dtype), 2, axis=1)
        hard = -ops.sum(targets * ops.log_softmax(y_pred + self.log_frequencies), axis=1)
        weight = ops.sum(soft, axis=1)
        student = self._scaled(y_pred)
        teachers = ops.softmax(self._scaled(ops.log(ops.maximum(soft, _SMALLEST))))
        compared = -ops.sum(teachers * ops.log_softmax(student), axis=1)
        return hard + weight * self.temperature**2 * compared

    def _scaled(self, logits: keras.KerasTensor) -> keras.KerasTensor:
        if self.standardize:
            logits = logits - ops.mean(logits, axis=1, keepdims=True)
            logits = logits / (ops.std(logits, axis=1, keepdims=True) + 1e-6)
        return logits / self.temperature


class OnlineDistillationLoss(DistillationLoss):
    """The same loss with the teachers' probabilities beside the logits.

    They are computed in the training step by `fer_train.training.online_teachers`. The target of a
    face is its class probabilities from labels and votes times their weight; the weight of the
    teachers is the rest to 1. Several students trained together have their logits side by side; the
    loss is the sum of theirs.
    """

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Return the loss of each face (n,).

        Args:
            y_true: Targets (n, classes).
            y_pred: Logits of each student, then probabilities (n, (students + 1) x classes).
        """
        *students, teachers = ops.split(y_pred, y_pred.shape[1] // y_true.shape[1], axis=1)
        weight = 1 - ops.sum(y_true, axis=1, keepdims=True)
        targets = ops.concatenate([ops.cast(y_true, y_pred.dtype), weight * teachers], axis=1)
        return sum(super(OnlineDistillationLoss, self).call(targets, each) for each in students)


def class_log_frequencies(targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logarithm of each class's share of targets (n, classes), float32 (classes,)."""
    shares = targets.mean(axis=0, dtype=np.float64)
    return np.asarray(np.log(np.maximum(shares, _SMALLEST)), np.float32)
