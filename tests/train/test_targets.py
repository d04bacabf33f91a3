import numpy as np
import pytest

from fer_sdk.errors import InputError
from fer_sdk.fer2013 import Fer2013
from fer_sdk.labels import FERPLUS_LABELS
from fer_train.data.targets import ferplus_distribution, soft_targets


def votes(**counts: int) -> list[int]:
    return [counts.get(label.replace("-", "_"), 0) for label in FERPLUS_LABELS]


def test_votes_become_distributions_over_fer2013s_order() -> None:
    table = np.array(
        [
            votes(happy=6, sad=3, angry=1),  # single votes are outliers
            votes(contempt=10),
            votes(unknown=5, not_a_face=3, neutral=2),
        ],
        np.uint8,
    )
    expected = np.zeros((3, 7))
    expected[0, 3], expected[0, 4], expected[2, 6] = 2 / 3, 1 / 3, 1
    np.testing.assert_allclose(ferplus_distribution(table), expected, atol=1e-7)


def with_votes(data: Fer2013) -> Fer2013:
    table = np.zeros((210, 10), np.uint8)
    table[:, 0] = 10
    table[0] = votes(contempt=10)
    return Fer2013(data.pixels, data.emotion, data.usage, data.duplicate_of, table)


def test_targets_mix_label_votes_and_an_even_share(small_fer2013: Fer2013) -> None:
    rows = np.array([0, 1])
    targets = soft_targets(
        with_votes(small_fer2013), rows, ferplus_weight=0.4, label_smoothing=0.07
    )
    expected = np.full((2, 7), 0.01)
    expected[0, 0] += 0.93  # no usable vote: the label alone
    expected[1, 1] += 0.93 * 0.6
    expected[1, 6] += 0.93 * 0.4
    np.testing.assert_allclose(targets, expected, atol=1e-6)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)


def test_votes_that_were_not_imported_are_asked_for(small_fer2013: Fer2013) -> None:
    rows = np.array([0])
    soft_targets(small_fer2013, rows, ferplus_weight=0, label_smoothing=0)
    with pytest.raises(InputError, match="--ferplus"):
        soft_targets(small_fer2013, rows, ferplus_weight=0.3, label_smoothing=0)
