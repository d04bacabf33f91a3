import numpy as np
import pytest
from numpy.typing import NDArray

from fer_sdk import InputError
from fer_sdk.evaluation.pack_scores import SCORED, score_pack

LABELS = ("neutral", "happy", "surprise", "angry", "sad", "fear")


def predictions(*labels_and_confidences: tuple[str, float]) -> NDArray[np.float64]:
    rows = []
    for label, confidence in labels_and_confidences:
        row = np.full(len(LABELS), (1 - confidence) / (len(LABELS) - 1))
        row[LABELS.index(label)] = confidence
        rows.append(row)
    return np.array(rows)


def test_scores_count_what_is_named_right_and_what_neutral_faces_are_called() -> None:
    truth = np.array([*["neutral"] * 4, "happy", "happy", "surprise", "angry", "sad", "fear"])
    probabilities = predictions(
        ("neutral", 0.95), ("sad", 0.9), ("fear", 0.6), ("happy", 0.6),  # neutral
        ("happy", 0.95), ("happy", 0.5), ("surprise", 0.5), ("sad", 0.5), ("sad", 0.5),
        ("neutral", 0.99),  # fear: not scored
    )  # fmt: skip
    scores = score_pack(truth, probabilities, LABELS)
    assert scores.n == 9
    assert scores.accuracy == pytest.approx(5 / 9)
    assert scores.recalls == {"neutral": 0.25, "happy": 1, "surprise": 1, "angry": 0, "sad": 1}
    assert scores.balanced_accuracy == pytest.approx(0.65)
    assert scores.neutral_called == {"sad": 0.25, "angry": 0, "fear": 0.25, "disgust": 0}
    assert scores.neutral_called_negative == 0.5
    assert scores.confident == pytest.approx(3 / 9)
    assert scores.confident_accuracy == pytest.approx(2 / 3)


def test_without_a_confident_prediction_there_is_no_share_of_right_ones() -> None:
    scores = score_pack(np.array(SCORED), predictions(*((name, 0.8) for name in SCORED)), LABELS)
    assert (scores.accuracy, scores.confident, scores.confident_accuracy) == (1, 0, None)
    assert scores.calibration_error == pytest.approx(0.2)


def test_missing_faces_and_labels_are_refused() -> None:
    truth, probabilities = np.array(SCORED), predictions(*((name, 0.8) for name in SCORED))
    with pytest.raises(InputError, match="the faces have no 'sad'"):
        score_pack(truth[:-1], probabilities[:-1], LABELS)
    with pytest.raises(InputError, match="the labels of the model have no 'sad'"):
        score_pack(truth, probabilities[:, :-1], ("neutral", "happy", "surprise", "angry", "fear"))
