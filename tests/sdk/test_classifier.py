from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic import band_face

from fer_sdk import ExpressionClassifier, ModelBundle
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.errors import BundleError, InputError


class FakeSession:
    """Returns the same logits for every face."""

    input_hw = (48, 48)

    def __init__(self, logits: list[float]) -> None:
        self.logits = np.array(logits, np.float32)
        self.closed = 0

    @property
    def classes(self) -> int:
        return len(self.logits)

    def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.tile(self.logits, (len(faces), 1))

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def bundle(tiny_int8: Path) -> ModelBundle:
    return ModelBundle.load(tiny_int8)


def test_probabilities_are_the_softmax_of_logits_over_temperature(bundle: ModelBundle) -> None:
    warm = ModelBundle.load(bundle.path)
    object.__setattr__(warm, "temperature", 2.0)
    classifier = ExpressionClassifier(warm, FakeSession([0, 0, 0, np.log(9), 0, 0, 0]))
    (expression,) = classifier.classify([band_face(0)], color="grey")
    assert expression.label == "happy"
    assert expression.confidence == pytest.approx(3 / 9)
    assert expression.probabilities == pytest.approx([1 / 9] * 3 + [3 / 9] + [1 / 9] * 3)
    assert expression.labels == bundle.labels


def test_a_confidence_below_the_models_threshold_is_uncertain(bundle: ModelBundle) -> None:
    for gap, uncertain in ((1.0, True), (5.0, False)):
        classifier = ExpressionClassifier(bundle, FakeSession([gap, 0, 0, 0, 0, 0, 0]))
        (expression,) = classifier.classify([band_face(0)], color="grey")
        assert expression.uncertain is uncertain


def test_labels_follow_the_faces_of_a_batch(tiny_int8: Path) -> None:
    with ExpressionClassifier.load(tiny_int8) as classifier:
        found = classifier.classify([band_face(k) for k in (6, 0, 3, 5)], color="grey")
        assert classifier.classify([], color="grey") == []
    assert [expression.label for expression in found] == ["neutral", "angry", "happy", "surprise"]


def test_sidecar_with_another_number_of_labels_is_refused(bundle: ModelBundle) -> None:
    with pytest.raises(BundleError, match="names 7 labels, but the model has 8 outputs"):
        ExpressionClassifier(bundle, FakeSession([0] * 8))


def test_sidecar_with_another_size_is_refused(bundle: ModelBundle) -> None:
    session = FakeSession([0] * 7)
    session.input_hw = (64, 64)
    with pytest.raises(BundleError, match=r"but the model takes \(64, 64\)"):
        ExpressionClassifier(bundle, session)


def test_closing_twice_is_safe_and_leaving_the_block_closes(bundle: ModelBundle) -> None:
    session = FakeSession([0] * 7)
    with ExpressionClassifier(bundle, session) as classifier:
        pass
    classifier.close()
    assert session.closed == 2


def test_unknown_model_names_the_shipped_ones() -> None:
    with pytest.raises(InputError, match=rf"no model nonsense: .* {DEFAULT_MODEL}"):
        ExpressionClassifier.load("nonsense")


@pytest.mark.parametrize("inputs", [np.zeros((1, 48, 48)), np.zeros((48, 48), np.uint8)])
def test_inputs_of_another_form_are_refused(inputs: NDArray[np.uint8], bundle: ModelBundle) -> None:
    classifier = ExpressionClassifier(bundle, FakeSession([0] * 7))
    with pytest.raises(InputError, match=r"inputs must be uint8 \(n, 48, 48\)"):
        classifier.probabilities(inputs)
