import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic import with_votes

from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import PRIVATE_TEST, PUBLIC_TEST, TRAINING, Fer2013
from fer_sdk.evaluation.ferplus import majority
from fer_sdk.evaluation.splits import evaluate_ferplus, evaluate_split
from fer_sdk.labels import FER2013_LABELS


def test_a_model_that_memorised_training_scores_no_higher_on_deduplicated_faces(
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


def test_both_test_splits_can_be_scored_together(small_fer2013: Fer2013) -> None:
    usages = (PUBLIC_TEST, PRIVATE_TEST)
    truth = small_fer2013.emotion[small_fer2013.rows(*usages)]
    result = evaluate_split(small_fer2013, usages, lambda faces: np.eye(7)[truth], FER2013_LABELS)
    assert result.split == "PublicTest + PrivateTest"
    assert (result.all.n, result.deduplicated.n, result.all.accuracy) == (70, 68, 1)


def test_models_with_other_labels_are_rejected(small_fer2013: Fer2013) -> None:
    with pytest.raises(InputError, match="FER2013 is scored with the labels"):
        evaluate_split(small_fer2013, [1], lambda f: np.eye(7)[:1], FER2013_LABELS[::-1])


VOTES = {
    "clear": ([0, 9, 1, 0, 0, 0, 0, 0, 0, 0], 1, True),
    "outliers dropped": ([1, 1, 1, 1, 4, 1, 1, 0, 0, 0], 4, True),
    "half is not a majority": ([5, 5, 0, 0, 0, 0, 0, 0, 0, 0], 0, False),
    "unknown": ([1, 0, 0, 0, 0, 0, 0, 0, 9, 0], 8, False),
    "not a face": ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], 9, False),
    "contempt": ([2, 0, 0, 0, 0, 0, 0, 8, 0, 0], 7, True),
}


@pytest.mark.parametrize("kind", VOTES)
def test_majority_follows_the_rule_of_ferplus(kind: str) -> None:
    votes, expected, counts = VOTES[kind]
    most, usable = majority(np.array([votes], np.uint8))
    assert (int(most[0]), bool(usable[0])) == (expected, counts)


def test_ferplus_matches_labels_by_name_and_omits_contempt_for_seven_classes(
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
