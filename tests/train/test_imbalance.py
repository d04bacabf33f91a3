import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic import synthetic_faces

from fer_sdk.errors import InputError
from fer_train.data.imbalance import RESAMPLINGS, balanced_class_weights, resample


def test_class_weights_are_those_of_the_published_counts() -> None:
    counts = [3196, 349, 3278, 5772, 3972, 3864, 2537]
    weights = balanced_class_weights(np.repeat(np.arange(7, dtype=np.uint8), counts))
    expected = [1.02664, 9.40156, 1.00096, 0.56846, 0.82607, 0.84916, 1.29332]
    np.testing.assert_allclose(weights, expected, atol=5e-6)
    assert (weights * counts).sum() == pytest.approx(sum(counts))


def test_class_weights_need_every_class() -> None:
    with pytest.raises(InputError, match="but disgust has none"):
        balanced_class_weights(np.array([0, 2, 3, 4, 5, 6], np.uint8))


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
    pytest.importorskip("imblearn", reason="resampling needs the extra `train`")
    faces, labels = unbalanced()
    chosen, chosen_labels = resample(faces, labels, method, seed=0)
    assert np.bincount(chosen_labels).tolist() == counts
    assert chosen.shape == (sum(counts), 48, 48)
    assert chosen.dtype == np.uint8
    again, _ = resample(faces, labels, method, seed=0)
    np.testing.assert_array_equal(chosen, again)


@pytest.mark.parametrize("method", ["tomek", "smote-enn"])
def test_cleaning_drops_a_face_among_anothers_neighbours(method: str) -> None:
    pytest.importorskip("imblearn", reason="resampling needs the extra `train`")
    faces, labels = unbalanced()
    labels[-1] = 0  # a neutral face called angry
    chosen, chosen_labels = resample(faces, labels, method, seed=0)
    angry = chosen[chosen_labels == 0]
    assert not any((face == faces[-1]).all() for face in angry)


def test_random_resampling_makes_up_no_face_and_smote_does() -> None:
    pytest.importorskip("imblearn", reason="resampling needs the extra `train`")
    faces, labels = unbalanced()
    known = {face.tobytes() for face in faces}
    for method, makes_up in (("over", False), ("under", False), ("smote", True)):
        chosen, _ = resample(faces, labels, method, seed=0)
        assert any(face.tobytes() not in known for face in chosen) is makes_up


def test_unknown_resampling_names_the_known_ones() -> None:
    faces, labels = unbalanced()
    with pytest.raises(InputError, match=", ".join(RESAMPLINGS)):
        resample(faces, labels, "magic", seed=0)
