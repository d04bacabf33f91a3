import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic import synthetic_faces

from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import PRIVATE_TEST, PUBLIC_TEST, TRAINING, Fer2013

pytest.importorskip("imblearn", reason="resampling needs imbalanced-learn")

from research.resampling import RESAMPLINGS, resample, resample_training


def unbalanced() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return 20 faces of class 0, then 18, 16, ... down to 8 of class 6."""
    faces, labels = synthetic_faces(140)
    keep = np.concatenate([np.flatnonzero(labels == k)[: 20 - 2 * k] for k in range(7)])
    return faces[keep], labels[keep]


@pytest.mark.parametrize(
    ("method", "counts"),
    [("over", [20] * 7), ("under", [8] * 7), ("smote", [20] * 7), ("smote-tomek", [20] * 7)],
)
def test_resampling_balances_the_classes(method: str, counts: list[int]) -> None:
    faces, labels = unbalanced()
    chosen, chosen_labels = resample(faces, labels, method, seed=0)
    assert np.bincount(chosen_labels).tolist() == counts
    assert chosen.shape == (sum(counts), 48, 48)
    assert chosen.dtype == np.uint8
    again, _ = resample(faces, labels, method, seed=0)
    np.testing.assert_array_equal(chosen, again)


@pytest.mark.parametrize("method", ["tomek", "smote-enn"])
def test_cleaning_removes_a_face_among_neighbours_of_another_class(method: str) -> None:
    faces, labels = unbalanced()
    labels[-1] = 0  # a neutral face labelled angry
    chosen, chosen_labels = resample(faces, labels, method, seed=0)
    angry = chosen[chosen_labels == 0]
    assert not any((face == faces[-1]).all() for face in angry)


def test_only_smote_creates_new_faces() -> None:
    faces, labels = unbalanced()
    known = {face.tobytes() for face in faces}
    for method, creates in (("over", False), ("under", False), ("smote", True)):
        chosen, _ = resample(faces, labels, method, seed=0)
        assert any(face.tobytes() not in known for face in chosen) is creates


def test_unknown_resampling_names_the_known_ones() -> None:
    faces, labels = unbalanced()
    with pytest.raises(InputError, match=", ".join(RESAMPLINGS)):
        resample(faces, labels, "magic", seed=0)


def test_resampled_training_is_balanced_and_test_splits_keep_their_faces(
    small_fer2013: Fer2013,
) -> None:
    emotion = np.where(np.arange(210) % 21 == 0, 2, 0).astype(np.uint8)
    few = Fer2013(
        small_fer2013.pixels, emotion, small_fer2013.usage, small_fer2013.duplicate_of,
        np.ones((210, 10), np.uint8),
    )  # fmt: skip
    resampled = resample_training(few, "over", seed=1)
    counts = np.bincount(resampled.emotion[resampled.rows(TRAINING)])
    assert counts[0] == counts[2] == 132
    assert not len(resampled.ferplus_votes)
    for usage in (PUBLIC_TEST, PRIVATE_TEST):
        for deduplicated in (False, True):
            before = few.rows(usage, deduplicated=deduplicated)
            after = resampled.rows(usage, deduplicated=deduplicated)
            np.testing.assert_array_equal(resampled.pixels[after], few.pixels[before])
            np.testing.assert_array_equal(resampled.emotion[after], few.emotion[before])
