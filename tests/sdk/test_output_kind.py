"""A network that ends in softmax or sigmoid is not used as if it returned logits."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import fer_sdk.classifier
from fer_sdk import BundleError, ExpressionClassifier
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.output_kind import check_output, probe_faces
from fer_sdk.preprocess import FER2013_INPUT
from fer_sdk.runtimes import Session, open_session


class Ending:
    """A session whose network has one more layer."""

    def __init__(self, session: Session, layer: str) -> None:
        self.session, self.layer = session, layer
        self.input_hw, self.classes = session.input_hw, session.classes

    def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        logits = self.session.run(faces)
        if self.layer == "sigmoid":
            return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
        return softmax(logits, 1).astype(np.float32)

    def close(self) -> None:
        self.session.close()


def with_output(model: Path, folder: Path, output: str) -> Path:
    shutil.copy(model, folder)
    text = json.loads(Path(f"{model}.json").read_text())
    (folder / f"{model.name}.json").write_text(json.dumps({**text, "output": output}))
    return folder / model.name


@pytest.mark.parametrize(
    ("layer", "output", "message"),
    [
        ("softmax", "logits", "it ends in softmax: remove the softmax, or state"),
        ("sigmoid", "logits", "it ends in sigmoid: remove the sigmoid"),
        ("sigmoid", "probabilities", "do not sum to 1"),
        ("none", "probabilities", "do not sum to 1"),
    ],
)
def test_another_output_than_the_sidecar_states_is_refused(
    layer: str,
    output: str,
    message: str,
    tiny_int8: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = with_output(tiny_int8, tmp_path, output)
    if layer != "none":
        monkeypatch.setattr(
            fer_sdk.classifier, "open_session", lambda *w, **n: Ending(open_session(*w, **n), layer)
        )
    with pytest.raises(BundleError, match=message):
        ExpressionClassifier.load(model)


def test_stated_probabilities_give_the_result_of_the_logits(
    tiny_int8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = probe_faces(FER2013_INPUT)
    with ExpressionClassifier.load(tiny_int8) as classifier:
        expected = classifier.probabilities(faces)
    model = with_output(tiny_int8, tmp_path, "probabilities")
    monkeypatch.setattr(
        fer_sdk.classifier, "open_session", lambda *w, **n: Ending(open_session(*w, **n), "softmax")
    )
    with ExpressionClassifier.load(model) as classifier:
        np.testing.assert_allclose(classifier.probabilities(faces), expected, atol=1e-4)
        bundle = classifier.bundle
    bundle.write_sidecar()
    assert json.loads(bundle.sidecar.read_text())["output"] == "probabilities"


def test_outputs_of_int8_and_of_a_constant_network_are_judged_rightly() -> None:
    rounded = np.round(softmax(np.random.default_rng(0).normal(0, 2, (8, 7)), 1) * 256) / 256
    check_output(rounded, "probabilities", "net")
    with pytest.raises(BundleError, match="softmax"):
        check_output(rounded, "logits", "net")
    check_output(np.zeros((8, 7)), "logits", "net")
    check_output(np.full((8, 7), np.nan), "logits", "net")
