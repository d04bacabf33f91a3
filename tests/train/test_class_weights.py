import numpy as np
import pytest

from fer_sdk.errors import InputError
from fer_train.data.class_weights import balanced_class_weights


def test_class_weights_are_those_of_the_published_counts() -> None:
    counts = [3196, 349, 3278, 5772, 3972, 3864, 2537]
    weights = balanced_class_weights(np.repeat(np.arange(7, dtype=np.uint8), counts))
    expected = [1.02664, 9.40156, 1.00096, 0.56846, 0.82607, 0.84916, 1.29332]
    np.testing.assert_allclose(weights, expected, atol=5e-6)
    assert (weights * counts).sum() == pytest.approx(sum(counts))


def test_class_weights_need_every_class() -> None:
    with pytest.raises(InputError, match="but disgust has none"):
        balanced_class_weights(np.array([0, 2, 3, 4, 5, 6], np.uint8))
