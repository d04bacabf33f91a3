import numpy as np
import pytest
from numpy.typing import NDArray

from fer_sdk._internal.softmax import softmax
from fer_sdk.errors import InputError
from fer_sdk.evaluation.metrics import calibration_error, score
from fer_sdk.labels import FER2013_LABELS


def random_predictions(n: int = 500) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n, 7)).astype(np.float32)
    truth = np.where(rng.random(n) < 0.5, logits.argmax(axis=1), rng.integers(0, 6, n))
    return truth.astype(np.int64), softmax(logits, 0.7)


def test_scores_equal_those_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference")
    truth, probabilities = random_predictions()
    predicted = probabilities.argmax(axis=1)
    scores = score(truth, probabilities, FER2013_LABELS)
    assert scores.n == 500
    assert scores.accuracy == pytest.approx(sklearn.accuracy_score(truth, predicted))
    assert scores.balanced_accuracy == pytest.approx(
        sklearn.recall_score(truth, predicted, labels=np.unique(truth), average="macro")
    )
    assert scores.macro_f1 == pytest.approx(
        sklearn.f1_score(truth, predicted, average="macro", zero_division=0)
    )
    for k, value in ((2, scores.top2), (3, scores.top3)):
        assert value == pytest.approx(
            sklearn.top_k_accuracy_score(truth, probabilities, k=k, labels=np.arange(7))
        )
    table = sklearn.precision_recall_fscore_support(
        truth, predicted, labels=np.arange(7), zero_division=0
    )
    given = [(c.precision, c.recall, c.f1, c.support) for c in scores.classes]
    np.testing.assert_allclose(given, np.array(table).T)
    np.testing.assert_array_equal(
        scores.confusion, sklearn.confusion_matrix(truth, predicted, labels=np.arange(7))
    )


def test_calibration_error_equals_the_value_derived_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    truth = np.array([0, 1, 0, 0])
    # |1/2 - .9| on half of the faces, |1 - .6| on the other half
    assert calibration_error(truth, probabilities) == pytest.approx(0.4)
    assert calibration_error(np.array([0]), np.array([[1.0, 0.0]])) == 0


def test_nan_no_faces_and_wrong_shapes_are_rejected() -> None:
    truth, probabilities = random_predictions(10)
    broken = probabilities.copy()
    broken[3, 2] = np.nan
    with pytest.raises(InputError, match="NaN"):
        score(truth, broken, FER2013_LABELS)
    with pytest.raises(InputError, match=r"expected probabilities \(10, 7\)"):
        score(truth, probabilities[:9], FER2013_LABELS)
    with pytest.raises(InputError, match="at least one face"):
        score(truth[:0], probabilities[:0], FER2013_LABELS)


def test_softmax_handles_large_logits_and_divides_by_temperature() -> None:
    logits = np.array([[1000.0, 999.0]], np.float32)
    assert softmax(logits, 1.0)[0, 0] == pytest.approx(1 / (1 + np.exp(-1)))
    assert softmax(logits, 2.0)[0, 0] == pytest.approx(1 / (1 + np.exp(-0.5)))
