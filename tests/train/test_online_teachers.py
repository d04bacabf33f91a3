from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fer_sdk._internal.softmax import softmax
from fer_sdk.errors import FerError, InputError
from fer_sdk.labels import FER2013_LABELS
from fer_train.data.targets import FERPLUS_CLASSES

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="training needs the extra `train`")

from fer_train.training.online_teachers import OnlineTeachers, Teacher, load

FACES = np.random.default_rng(0).uniform(0, 1, (5, 48, 48, 1)).astype(np.float32)


def network(classes: int, seed: int) -> Any:
    kernel = keras.initializers.RandomNormal(stddev=0.02, seed=seed)
    layers = [keras.layers.Flatten(), keras.layers.Dense(classes, kernel_initializer=kernel)]
    return keras.Sequential([keras.Input((48, 48, 1)), *layers])


def logits(model: Any) -> Any:
    return keras.ops.convert_to_numpy(model(FACES))


def test_the_mean_of_the_teachers_covers_the_students_classes_only() -> None:
    seven, eight = network(7, 1), network(8, 2)
    first = softmax(logits(seven), 1.5)
    columns = [FERPLUS_CLASSES.index(label) for label in FER2013_LABELS]
    second = softmax(logits(eight), 1.0)[:, columns]
    expected = 0.25 * first + 0.75 * second / second.sum(axis=1, keepdims=True)
    teachers = [Teacher(seven, FER2013_LABELS, 1.0, 1.5), Teacher(eight, FERPLUS_CLASSES, 3.0)]
    mean = OnlineTeachers(teachers, FER2013_LABELS, "float32")
    assert keras.ops.convert_to_numpy(mean(FACES)) == pytest.approx(expected, rel=1e-3)
    assert not mean.trainable_variables
    less_precise = OnlineTeachers(teachers, FER2013_LABELS, "mixed_bfloat16")
    assert keras.ops.convert_to_numpy(less_precise(FACES)) == pytest.approx(expected, abs=0.03)


def test_student_and_teachers_get_the_same_augmented_faces() -> None:
    teacher, student = network(7, 1), network(7, 2)
    noise = keras.layers.GaussianNoise(1.0, seed=1)
    inputs = keras.Input((48, 48, 1))
    layer = OnlineTeachers([Teacher(teacher, FER2013_LABELS, 1.0)], FER2013_LABELS, "float32")
    both = layer.beside(student, inputs, [noise], [])
    student.set_weights(teacher.get_weights())
    found = keras.ops.convert_to_numpy(both(FACES, training=True))
    assert softmax(found[:, :7], 1.0) == pytest.approx(found[:, 7:], rel=1e-3)
    assert abs(found[:, :7] - logits(student)).max() > 0.01


def test_missing_and_unsuitable_teachers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one teacher"):
        OnlineTeachers([], FER2013_LABELS, "float32")
    other = Teacher(network(2, 1), ("happy", "bored"), 1.0)
    with pytest.raises(InputError, match="has the labels happy, bored"):
        OnlineTeachers([other], FER2013_LABELS, "float32")
    with pytest.raises(FerError, match=r"none\.keras"):
        load({tmp_path / "none.keras": 1.0})
