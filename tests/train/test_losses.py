from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from fer_train.training.losses import (
    DistillationLoss,
    OnlineDistillationLoss,
    class_log_frequencies,
)

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(6, 7)).astype(np.float32)
VOTES, TEACHERS = RNG.dirichlet(np.ones(7), (2, 6)).astype(np.float32)


def log_softmax(logits: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)))


def loss(function: DistillationLoss, votes: float, logits: NDArray[np.float32]) -> NDArray[Any]:
    targets = np.hstack([votes * VOTES, (1 - votes) * TEACHERS])
    return np.asarray(keras.ops.convert_to_numpy(function.call(targets, logits)))


def test_at_temperature_1_it_is_the_cross_entropy_with_the_mixed_targets() -> None:
    mixed = 0.3 * VOTES + 0.7 * TEACHERS
    expected = -(mixed * log_softmax(LOGITS)).sum(axis=1)
    assert loss(DistillationLoss(1.0, False), 0.3, LOGITS) == pytest.approx(expected, rel=1e-4)


def test_a_temperature_softens_both_sides_and_keeps_the_size_of_the_gradient() -> None:
    softened = TEACHERS ** (1 / 4)
    softened /= softened.sum(axis=1, keepdims=True)
    expected = -16 * (softened * log_softmax(LOGITS / 4)).sum(axis=1)
    assert loss(DistillationLoss(4.0, False), 0.0, LOGITS) == pytest.approx(expected, rel=1e-4)
    at_teacher = np.log(TEACHERS)
    for moved in (at_teacher + 0.3 * LOGITS, at_teacher - 0.3 * LOGITS):
        best = loss(DistillationLoss(4.0, False), 0.0, at_teacher)
        assert (loss(DistillationLoss(4.0, False), 0.0, moved) > best).all()


def test_standardized_logits_ignore_scale_and_offset() -> None:
    function = DistillationLoss(2.0, True)
    there = loss(function, 0.0, LOGITS)
    assert loss(function, 0.0, 5 * LOGITS + 3) == pytest.approx(there, rel=1e-4)
    assert loss(function, 0.0, -LOGITS) != pytest.approx(there, rel=1e-2)


def test_logit_adjustment_moves_the_labels_part_only() -> None:
    frequencies = class_log_frequencies(VOTES)
    np.testing.assert_allclose(np.exp(frequencies), VOTES.mean(axis=0), rtol=1e-5)
    adjusted = DistillationLoss(1.0, False, frequencies)
    expected = -(VOTES * log_softmax(LOGITS + frequencies)).sum(axis=1)
    assert loss(adjusted, 1.0, LOGITS) == pytest.approx(expected, rel=1e-4)
    plain = loss(DistillationLoss(1.0, False), 0.0, LOGITS)
    assert loss(adjusted, 0.0, LOGITS) == pytest.approx(plain, rel=1e-6)


def test_online_teachers_have_the_weight_that_the_targets_leave() -> None:
    stored = sum(loss(DistillationLoss(2.0, False), 0.3, each) for each in (LOGITS, -LOGITS))
    outputs = np.hstack([LOGITS, -LOGITS, TEACHERS])
    online = OnlineDistillationLoss(2.0, False).call(np.float32(0.3) * VOTES, outputs)
    assert keras.ops.convert_to_numpy(online) == pytest.approx(stored, rel=1e-4)
