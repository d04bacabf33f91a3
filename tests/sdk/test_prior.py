import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fer_sdk import ExpressionClassifier, InputError, ModelBundle, shipped_models
from fer_sdk.bundles.prior import Prior, for_shares
from fer_sdk.errors import BundleError

TINY = Path(__file__).parents[1] / "golden" / "tiny-float32.tflite"
LABELS = ("happy", "sad", "neutral")


class FixedLogits:
    """A session whose model has the same logits for every face."""

    def __init__(self, logits: list[float], input_hw: tuple[int, int]) -> None:
        self.logits, self.input_hw, self.classes = logits, input_hw, len(logits)

    def run(self, inputs: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.tile(np.array(self.logits, np.float32), (len(inputs), 1))

    def close(self) -> None:
        pass


def with_priors(priors: dict[str, Prior], default: str = "training") -> ModelBundle:
    return replace(ModelBundle.load(TINY), priors=priors, default_prior=default)


def test_shares_become_offsets_in_units_of_the_temperature() -> None:
    balanced = Prior((0.5, 0.0, -0.5), 2.0)
    prior = for_shares(balanced, LABELS, {"happy": 2, "sad": 1, "neutral": 1})
    assert prior.temperature == 2.0
    # Shares .5, .25, .25 of three labels: 2 log(1.5), 2 log(.75).
    expected = (0.5 + 2 * math.log(1.5), 2 * math.log(0.75), -0.5 + 2 * math.log(0.75))
    assert prior.offsets == pytest.approx(expected)


def test_equal_shares_are_the_balanced_prior() -> None:
    balanced = Prior((0.5, 0.0, -0.5), 2.0)
    assert for_shares(balanced, LABELS, dict.fromkeys(LABELS, 0.3)).offsets == pytest.approx(
        balanced.offsets
    )


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"happy": 1, "sad": 1}, "a share for each of happy, sad, neutral, but gives happy, sad"),
        ({}, "but gives none"),
        ({"happy": 1, "sad": 0, "neutral": 1}, "share of sad must be a positive number, but is 0"),
        ({"happy": 1, "sad": math.inf, "neutral": 1}, "but is inf"),
        ({"happy": 1, "sad": math.nan, "neutral": 1}, "but is nan"),
    ],
)
def test_incomplete_or_impossible_shares_are_refused(
    shares: dict[str, float], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        for_shares(Prior((0.0,) * 3, 1.0), LABELS, shares)


def test_the_classifier_adds_the_offsets_before_it_divides_by_the_temperature() -> None:
    bundle = ModelBundle.load(TINY)
    classes = len(bundle.labels)
    logits, offsets = list(np.linspace(-1, 1, classes)), tuple(np.linspace(3, -3, classes))
    bundle = with_priors({"everyday": Prior(offsets, 0.5)}, "everyday")
    size = (bundle.input.height, bundle.input.width)
    face = np.zeros((1, *size), np.uint8)
    with ExpressionClassifier(bundle, FixedLogits(logits, size)) as classifier:
        (found,) = classifier.probabilities(face)
    powers = np.exp((np.array(logits) + np.array(offsets)) / 0.5)
    assert found == pytest.approx(powers / powers.sum(), abs=1e-6)
    with ExpressionClassifier(bundle, FixedLogits(logits, size), prior="training") as classifier:
        (found,) = classifier.probabilities(face)
    powers = np.exp(np.array(logits) / bundle.temperature)
    assert found == pytest.approx(powers / powers.sum(), abs=1e-6)


def test_a_prior_that_a_model_lacks_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="has no prior 'everyday': it has training"):
        ModelBundle.load(TINY).prior("everyday")
    with pytest.raises(InputError, match="has no balanced prior"):
        ModelBundle.load(TINY).prior({"happy": 1.0})


def test_priors_survive_the_sidecar_and_faulty_ones_are_refused(tmp_path: Path) -> None:
    model = tmp_path / TINY.name
    model.write_bytes(TINY.read_bytes())
    bundle = with_priors(
        {"everyday": Prior(tuple(np.ones(len(ModelBundle.load(TINY).labels))), 0.5)}, "everyday"
    )
    bundle = replace(bundle, path=model)
    bundle.write_sidecar()
    assert ModelBundle.load(model) == bundle
    sidecar = json.loads(bundle.sidecar.read_text())
    for change, message in (
        ({"default_prior": "balanced"}, "default_prior must be one of"),
        ({"priors": {"everyday": {"offsets": [1.0], "temperature": 0.5}}}, "numbers, one for each"),
        ({"priors": {"everyday": {"offsets": sidecar["priors"]["everyday"]["offsets"],
                                  "temperature": 0}}}, "temperature must be 0.01 to 100"),
        ({"priors": {"training": {}}}, "priors must be an object by name, without 'training'"),
        ({"priors": {"everyday": 3}}, "the prior everyday must be an object"),
        ({"priors": []}, "priors must be an object"),
    ):  # fmt: skip
        bundle.sidecar.write_text(json.dumps({**sidecar, **change}))
        with pytest.raises(BundleError, match=message):
            ModelBundle.load(model)


def test_every_shipped_model_has_an_everyday_and_a_balanced_prior() -> None:
    for path in shipped_models().values():
        bundle = ModelBundle.load(path)
        assert bundle.default_prior == "everyday"
        assert {"everyday", "balanced"} <= set(bundle.priors)
        neutral = bundle.labels.index("neutral")
        gain = {
            name: prior.offsets[neutral] / prior.temperature
            for name, prior in bundle.priors.items()
        }
        assert gain["everyday"] > gain["balanced"]


def test_fer2013_equals_training_for_networks_trained_on_its_labels() -> None:
    found = 0
    for path in shipped_models().values():
        bundle = ModelBundle.load(path)
        if "fer2013" in bundle.priors:
            found += 1
            assert bundle.prior("fer2013") == bundle.prior("training")
            assert "fer2013" not in bundle.different_priors
        else:
            with pytest.raises(InputError, match="has no prior 'fer2013': it has everyday, "):
                bundle.prior("fer2013")
        assert bundle.different_priors[:3] == ("training", "everyday", "balanced")
    assert found >= 2


def test_files_of_one_network_share_their_priors() -> None:
    models = shipped_models()
    pairs = [(name.replace("-float32", "-int8"), name) for name in models if "float32" in name]
    assert len(pairs) >= 3
    for int8, float32 in pairs:
        assert ModelBundle.load(models[int8]).priors == ModelBundle.load(models[float32]).priors


GOLDEN = json.loads((TINY.parent / "prior.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: str(case["prior"])[:12])
def test_python_reproduces_the_golden_probabilities(case: dict[str, Any]) -> None:
    labels = tuple(GOLDEN["labels"])
    named = {n: Prior(tuple(p["offsets"]), p["temperature"]) for n, p in GOLDEN["priors"].items()}
    bundle = replace(
        ModelBundle.load(TINY),
        labels=labels,
        temperature=GOLDEN["temperature"],
        priors=named,
        default_prior=GOLDEN["default_prior"],
    )
    size = (bundle.input.height, bundle.input.width)
    for logits, expected in zip(GOLDEN["logits"], case["probabilities"], strict=True):
        session = FixedLogits(logits, size)
        with ExpressionClassifier(bundle, session, prior=case["prior"]) as classifier:
            (found,) = classifier.probabilities(np.zeros((1, *size), np.uint8))
        assert found == pytest.approx(expected, abs=1e-6)  # a session gives float32
