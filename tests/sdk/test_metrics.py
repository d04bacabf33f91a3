import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic import with_votes

from fer_sdk._internal.softmax import softmax
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import PRIVATE_TEST, PUBLIC_TEST, TRAINING, Fer2013
from fer_sdk.evaluation.ferplus import majority
from fer_sdk.evaluation.metrics import calibration_error, score
from fer_sdk.evaluation.splits import evaluate_ferplus, evaluate_split
from fer_sdk.labels import FER2013_LABELS


def random_answers(n: int = 500) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(n, 7)).astype(np.float32)
    truth = np.where(rng.random(n) < 0.5, logits.argmax(axis=1), rng.integers(0, 6, n))
    return truth.astype(np.int64), softmax(logits, 0.7)


def test_scores_are_scikit_learns() -> None:
    sklearn = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference")
    truth, probabilities = random_answers()
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


def test_calibration_error_of_answers_worked_out_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    truth = np.array([0, 1, 0, 0])
    # |1/2 - .9| on half of the faces, |1 - .6| on the other half
    assert calibration_error(truth, probabilities) == pytest.approx(0.4)
    assert calibration_error(np.array([0]), np.array([[1.0, 0.0]])) == 0


def test_nan_no_faces_and_wrong_shapes_are_refused() -> None:
    truth, probabilities = random_answers(10)
    broken = probabilities.copy()
    broken[3, 2] = np.nan
    with pytest.raises(InputError, match="NaN"):
        score(truth, broken, FER2013_LABELS)
    with pytest.raises(InputError, match=r"expected probabilities \(10, 7\)"):
        score(truth, probabilities[:9], FER2013_LABELS)
    with pytest.raises(InputError, match="at least one face"):
        score(truth[:0], probabilities[:0], FER2013_LABELS)


def test_softmax_is_stable_and_cooled_by_temperature() -> None:
    logits = np.array([[1000.0, 999.0]], np.float32)
    assert softmax(logits, 1.0)[0, 0] == pytest.approx(1 / (1 + np.exp(-1)))
    assert softmax(logits, 2.0)[0, 0] == pytest.approx(1 / (1 + np.exp(-0.5)))


def test_a_net_that_memorised_training_gains_nothing_on_clean_faces(
    small_fer2013: Fer2013,
) -> None:
    data = small_fer2013
    memory = {data.pixels[r].tobytes(): data.emotion[r] for r in data.rows(TRAINING)}

    def memorised(faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        return np.eye(7)[[memory.get(face.tobytes(), 6) for face in faces]]

    for usage in (PUBLIC_TEST, PRIVATE_TEST):
        result = evaluate_split(data, [usage], memorised, FER2013_LABELS)
        assert (result.all.n, result.deduplicated.n) == (35, 34)
        assert result.copies_accuracy == 1
        assert result.all.accuracy > result.deduplicated.accuracy


def test_both_test_splits_are_scored_together(small_fer2013: Fer2013) -> None:
    usages = (PUBLIC_TEST, PRIVATE_TEST)
    truth = small_fer2013.emotion[small_fer2013.rows(*usages)]
    result = evaluate_split(small_fer2013, usages, lambda faces: np.eye(7)[truth], FER2013_LABELS)
    assert result.split == "PublicTest + PrivateTest"
    assert (result.all.n, result.deduplicated.n, result.all.accuracy) == (70, 68, 1)


def test_other_labels_are_not_scored_on_fer2013(small_fer2013: Fer2013) -> None:
    with pytest.raises(InputError, match="FER2013 is scored with the labels"):
        evaluate_split(small_fer2013, [1], lambda f: np.eye(7)[:1], FER2013_LABELS[::-1])


VOTES = {
    "clear": ([0, 9, 1, 0, 0, 0, 0, 0, 0, 0], 1, True),
    "outliers dropped": ([1, 1, 1, 1, 4, 1, 1, 0, 0, 0], 4, True),
    "half is no majority": ([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], 0, False),
    "unknown": ([1, 0, 0, 0, 0, 0, 0, 0, 9, 0], 8, False),
    "not a face": ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], 9, False),
    "contempt": ([2, 0, 0, 0, 0, 0, 0, 8, 0, 0], 7, True),
}


@pytest.mark.parametrize("kind", VOTES)
def test_majority_follows_ferplus_rule(kind: str) -> None:
    votes, expected, counts = VOTES[kind]
    most, usable = majority(np.array([votes], np.uint8))
    assert (int(most[0]), bool(usable[0])) == (expected, counts)


def test_ferplus_is_scored_by_name_and_without_contempt_for_seven_classes(
    small_fer2013: Fer2013,
) -> None:
    data = with_votes(small_fer2013)
    data.ferplus_votes[176] = VOTES["contempt"][0]
    data.ferplus_votes[177] = VOTES["unknown"][0]
    truth = {face.tobytes(): label for face, label in zip(data.pixels, data.emotion, strict=True)}
    for labels, n in ((FER2013_LABELS, 33), ((*FER2013_LABELS, "contempt"), 34)):

        def predict(faces: NDArray[np.uint8], count: int = len(labels)) -> NDArray[np.float64]:
            return np.eye(count)[[truth[face.tobytes()] for face in faces]]

        result = evaluate_ferplus(data, [PRIVATE_TEST], predict, labels)
        assert result.split == f"PrivateTest, FER+ majority, {len(labels)}-class"
        assert result.all.n == n
        assert result.all.accuracy == pytest.approx(33 / n)
    with pytest.raises(InputError, match="FER\\+ is scored with"):
        evaluate_ferplus(data, [PRIVATE_TEST], predict, ("happy", "sad"))
    with pytest.raises(InputError, match="no FER\\+ votes"):
        evaluate_ferplus(small_fer2013, [PRIVATE_TEST], predict, FER2013_LABELS)
