from dataclasses import replace

import numpy as np
import pytest

from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import PUBLIC_TEST, TRAINING, Fer2013
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS
from fer_train.configs import RECIPES
from fer_train.data.dataset import TrainingSet, training_set, validation_set
from fer_train.data.targets import (
    FERPLUS_CLASSES,
    ferplus_distribution,
    ferplus_faces,
    sample_labels,
    smooth,
    soft_targets,
)


def votes(**counts: int) -> list[int]:
    return [counts.get(label.replace("-", "_"), 0) for label in FERPLUS_LABELS]


def test_votes_become_distributions_in_the_order_of_the_labels() -> None:
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
    distribution = ferplus_distribution(table, FER2013_LABELS)
    np.testing.assert_allclose(distribution, expected, atol=1e-7)
    eight = ferplus_distribution(table, FERPLUS_CLASSES)
    assert eight[1, FERPLUS_LABELS.index("contempt")] == 1


def test_ferplus_faces_are_those_with_mostly_votes_for_an_expression() -> None:
    table = [votes(happy=6, sad=4), votes(unknown=6, happy=4), votes(not_a_face=10), [1] * 10]
    data = Fer2013(
        np.zeros((4, 48, 48), np.uint8), np.zeros(4, np.uint8), np.zeros(4, np.uint8),
        np.arange(4, dtype=np.int32), np.array(table, np.uint8),
    )  # fmt: skip
    np.testing.assert_array_equal(ferplus_faces(data, np.arange(4)), [0])


def test_sampled_labels_follow_the_distribution_and_the_epoch() -> None:
    targets = np.tile(np.array([[0.0, 0.7, 0.3]], np.float32), (4000, 1))
    one, other = (sample_labels(targets, np.random.default_rng(seed)) for seed in (1, 2))
    assert set(np.unique(one)) == {0.0, 1.0}
    np.testing.assert_allclose(one.mean(axis=0), targets[0], atol=0.03)
    assert (one != other).any()
    recipe = replace(RECIPES["smoke"], sample_labels=True, label_smoothing=0.0)
    faces = np.zeros((4000, 48, 48), np.uint8)
    labels = np.ones(4000, np.uint8)
    epochs = TrainingSet(faces, labels, None, targets, None, None, recipe, seed=1)
    np.testing.assert_array_equal(epochs.of_epoch(0)[1], epochs.of_epoch(0)[1])
    assert (epochs.of_epoch(0)[1] != epochs.of_epoch(1)[1]).any()


def one_contempt_else_neutral(data: Fer2013) -> Fer2013:
    table = np.zeros((210, 10), np.uint8)
    table[:, 0] = 10
    table[0] = votes(contempt=10)
    return Fer2013(data.pixels, data.emotion, data.usage, data.duplicate_of, table)


def test_targets_mix_label_votes_and_label_smoothing(small_fer2013: Fer2013) -> None:
    rows = np.array([0, 1])
    mixed = soft_targets(one_contempt_else_neutral(small_fer2013), rows, ferplus_weight=0.4)
    targets = smooth(mixed, 0.07)
    expected = np.full((2, 7), 0.01)
    expected[0, 0] += 0.93  # no usable vote: only the label
    expected[1, 1] += 0.93 * 0.6
    expected[1, 6] += 0.93 * 0.4
    np.testing.assert_allclose(targets, expected, atol=1e-6)
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)


def test_missing_votes_are_an_error(small_fer2013: Fer2013) -> None:
    rows = np.array([0])
    soft_targets(small_fer2013, rows, ferplus_weight=0)
    with pytest.raises(InputError, match="--ferplus"):
        soft_targets(small_fer2013, rows, ferplus_weight=0.3)


def test_seven_classes_of_votes_leave_contempt_out(small_fer2013: Fer2013) -> None:
    table = np.zeros((len(small_fer2013.emotion), 10), np.uint8)
    table[:] = votes(happy=6, contempt=4)
    table[::2] = votes(contempt=10)
    data = replace(small_fer2013, ferplus_votes=table)
    recipe = replace(RECIPES["smoke"], classes="ferplus7", label_smoothing=0.0)
    sample = training_set(data, recipe, seed=0)
    odd = data.rows(TRAINING, deduplicated=True) % 2 == 1
    assert len(sample.faces) == odd.sum()
    happy = FER2013_LABELS.index("happy")
    np.testing.assert_allclose(sample.targets, np.tile(np.eye(7)[happy], (odd.sum(), 1)))
    faces, labels = validation_set(data, recipe)
    assert len(faces) == (data.rows(PUBLIC_TEST, deduplicated=True) % 2 == 1).sum()
    assert (labels == happy).all()
