from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.sdk.test_face_pack import write_pack

from fer_sdk import ModelBundle
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.prior import for_shares
from fer_sdk.errors import InputError
from fer_sdk.evaluation.pack_scores import SCORED
from fer_sdk.labels import FER2013_LABELS
from fer_train.cli.main import main
from fer_train.evaluation.priors import EXPONENT, fit_priors

FREQUENCIES = np.array([0.3, 0.4, 0.1, 0.1, 0.1])


def faces(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return logits of a network with a known bias, and labels by everyday frequencies."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(SCORED, n, p=FREQUENCIES)
    right = truth[:, None] == np.array(FER2013_LABELS)
    logits = rng.normal(size=(n, 7)) + 3 * right
    logits[:, FER2013_LABELS.index("sad")] += 4
    return logits, truth


def test_priors_undo_a_bias_towards_one_label() -> None:
    priors = fit_priors(*faces(4000), FER2013_LABELS)
    logits, truth = faces(4000, seed=1)
    shifted = logits + np.array(priors["balanced"].offsets)
    predicted = np.array(FER2013_LABELS)[shifted.argmax(axis=1)]
    recalls = [(predicted[truth == name] == name).mean() for name in SCORED]
    assert np.ptp(recalls) < 0.08
    assert np.mean(recalls) > 0.85
    everyday = for_shares(
        priors["balanced"],
        FER2013_LABELS,
        {
            name: FREQUENCIES[SCORED.index(name)] ** EXPONENT if name in SCORED else 1e-9
            for name in FER2013_LABELS
        },
    )
    difference = np.array(priors["everyday"].offsets) - np.array(everyday.offsets)
    common = [FER2013_LABELS.index(name) for name in SCORED]
    assert np.ptp(difference[common]) < 0.1
    probabilities = softmax(
        logits + np.array(priors["everyday"].offsets), priors["everyday"].temperature
    )
    sure = probabilities.max(axis=1) > 0.9
    assert np.mean(predicted[sure] == truth[sure]) > 0.9


def test_labels_without_faces_are_refused() -> None:
    logits, truth = faces(100)
    with pytest.raises(InputError, match="angry is missing"):
        fit_priors(logits[truth != "angry"], truth[truth != "angry"], FER2013_LABELS)


def test_the_command_writes_the_priors_of_the_named_split(golden: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (80, 80, 3), np.uint8) for _ in range(30)]
    labels = np.tile(["neutral", "happiness", "surprise", "anger", "sadness"], 6)
    split = np.array(["fit"] * 20 + ["report"] * 10)
    pack = write_pack(tmp_path / "pack.npz", images, label=labels, split=split)
    model = tmp_path / "model.tflite"
    model.write_bytes((golden / "tiny-float32.tflite").read_bytes())
    tiny = ModelBundle.load(golden / "tiny-float32.tflite")
    priors = {"fer2013": tiny.prior("training"), "balanced": tiny.prior("training")}
    replace(tiny, path=model, priors=priors).write_sidecar()
    result = CliRunner().invoke(main, ["fit-priors", str(model), str(pack)])
    assert result.exit_code == 0, result.output
    bundle = ModelBundle.load(model)
    assert list(bundle.priors) == ["everyday", "balanced", "fer2013"]
    assert bundle.priors["fer2013"] == tiny.prior("training") != bundle.priors["balanced"]
    assert bundle.default_prior == "everyday"
    assert bundle.source["priors"] == "pack.npz, split fit, n = 20"
