import os
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.command_line import run_command
from tests.synthetic import synthetic_faces

from fer_convert.cli.main import main as fer_convert
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.preprocess import FER2013_INPUT
from fer_train.cli.fit import qat_recipe
from fer_train.cli.main import main
from fer_train.configs import RECIPES
from fer_train.configs.augmentations import TEACHER_AUGMENTATION
from fer_train.configs.students import QAT
from fer_train.data.importer import save
from fer_train.data.recipe import Stage
from fer_train.data.soft_labels import SoftLabels
from fer_train.data.soft_labels import save as save_soft_labels
from fer_train.errors import TrainingError

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="training needs the extra `train`")
tf_keras: Any = pytest.importorskip("tf_keras", reason="QAT needs the extra `qat`")

from fer_train import models
from fer_train.evaluation.inference import to_network_input
from fer_train.training.tfmot import require_tfmot

require_tfmot()
from fer_train.training.quantization import QuantizationAwareRun, quantize
from fer_train.training.trainer import Run
from fer_train.training.twin import build_twin

FACES = to_network_input(synthetic_faces(40)[0])


def a_network(**sizes: Any) -> Any:
    """Return a small network whose batch norms are not the identity."""
    keras.utils.set_random_seed(0)
    network = models.build("residual_student", {"stem": 4, "widths": (6,), "blocks": (1,), **sizes})
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return network


def soft_labels(data: Fer2013) -> SoftLabels:
    """Return the labels as confident teachers would predict them, for two augmentations."""
    labels = np.full((2, 139, 7), 30, np.uint8)
    labels[:, np.arange(139), data.emotion[:139]] = 245
    return SoftLabels(labels, FER2013_LABELS, TEACHER_AUGMENTATION, data.fingerprint, {})


def test_importing_tfmot_keeps_keras_3_as_that_of_tensorflow() -> None:
    import tensorflow

    assert tensorflow.keras.__version__ == keras.__version__
    assert "TF_USE_LEGACY_KERAS" not in os.environ


def test_a_twin_has_the_outputs_of_the_network() -> None:
    network = a_network()
    scaling, twin = build_twin(network)
    assert scaling is not None
    np.testing.assert_allclose(twin(scaling(FACES)), network(FACES), rtol=1e-5, atol=1e-5)
    assert not any(isinstance(layer, tf_keras.layers.Dropout) for layer in twin.layers)


def test_unsupported_layers_are_refused_by_name() -> None:
    vgg = models.build("mini_vgg", {"widths": (2, 2, 2)})
    with pytest.raises(InputError, match=r"not support the layer max_pooling2d\w* \(MaxPooling2D"):
        build_twin(vgg)
    inputs = keras.Input((8, 8, 1))
    halves = keras.layers.Rescaling(2.0)(keras.layers.Rescaling(0.5)(inputs))
    with pytest.raises(InputError, match=r"layer \w+ \(Rescaling\): .* Rescaling after the input"):
        build_twin(keras.Model(inputs, halves))
    outputs = keras.layers.BatchNormalization(name="late")(keras.layers.ReLU()(inputs))
    _, twin = build_twin(keras.Model(inputs, outputs))
    with pytest.raises(InputError, match=r"cannot quantize the network: Layer late:"):
        quantize(twin, FACES[:, :8, :8])


def test_a_quantized_network_rounds_within_measured_ranges() -> None:
    scaling, twin = build_twin(a_network())
    assert scaling is not None
    inputs = np.asarray(scaling(FACES))
    network = quantize(twin, inputs)
    exact, rounded = np.asarray(twin(inputs)), np.asarray(network(inputs))
    assert (exact != rounded).any()
    np.testing.assert_allclose(rounded, exact, atol=0.1 * np.ptp(exact))
    first = next(layer.name for layer in twin.layers if isinstance(layer, tf_keras.layers.ReLU))
    outputs = tf_keras.Model(twin.input, twin.get_layer(first).output)(inputs)
    seen = tf_keras.Model(network.input, network.get_layer(f"quant_{first}").output)(inputs)
    assert 100 < len(np.unique(seen)) <= 256
    largest = float(np.max(outputs))
    level = largest / 255
    assert np.max(seen) == pytest.approx(largest, abs=3 * level)
    assert np.diff(np.unique(seen)).min() == pytest.approx(level, rel=1e-2)


def has_steps(run: Run, steps: int) -> bool:
    return run.progress.epoch * run.steps + run.progress.step == steps


@pytest.mark.slow
def test_qat_lowers_the_loss_and_a_stopped_run_resumes_to_the_same_weights(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    a_network().save(tmp_path / "a.keras")
    recipe = replace(
        QAT,
        sizes={"trained": str(tmp_path / "a.keras")},
        stages=(Stage(2, 0.02),),
        batch_size=16,
    )

    def start(name: str, **changes: Any) -> QuantizationAwareRun:
        soft = soft_labels(small_fer2013)
        return QuantizationAwareRun(
            replace(recipe, **changes), small_fer2013, tmp_path / name, 1, soft
        )

    def weights(run: Run) -> list[NDArray[np.float32]]:
        return [np.asarray(variable) for variable in run._variables()]

    whole = start("whole")
    before = whole.local_student().get_weights()
    whole.train(stop=partial(has_steps, whole, 11))  # within the second epoch
    copytree(whole.folder, tmp_path / "copy")
    whole.train()
    first, last = (row["loss"] for row in whole.progress.history)
    assert last < first
    after = whole.local_student().get_weights()
    assert all((a != b).any() for a, b in zip(after, before, strict=True))
    resumed = start("copy")
    assert has_steps(resumed, 11)
    resumed.train()
    for one, other in zip(weights(resumed), weights(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(TrainingError, match=r"--precision float32, but these .* mixed_bfloat16"):
        start("bfloat16", precision="mixed_bfloat16")


@pytest.mark.slow
def test_the_command_s_result_passes_the_parity_gate_of_the_conversion(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a_network(**RECIPES["smoke"].sizes).save("a.keras")
    ModelBundle(
        path=Path("a.keras"),
        labels=FER2013_LABELS,
        precision="float32",
        input=FER2013_INPUT,
        temperature=1.0,
        uncertain_below=0.5,
        license="none",
        source={"command": "a test"},
        metrics=(),
    ).write_sidecar()
    save(small_fer2013, Path("data.npz"))
    save_soft_labels(soft_labels(small_fer2013), Path("soft.npz"))
    tiny = replace(QAT, stages=(Stage(15, 0.05),), batch_size=16, weight_averaging=0.0)
    monkeypatch.setattr("fer_train.cli.fit.QAT", tiny)
    done = run_command(main, "qat", "a.keras", "soft.npz", "--data", "data.npz")
    assert done.exit_code == 0, done.output
    after = ModelBundle.load(Path("runs/a-qat-seed0/a-qat.keras"))
    assert after.source["command"] == "a test && fer-train qat a.keras soft.npz"
    assert "tensorflow-model-optimization 0.8.1 on tf-keras 2.21" in after.source["trainer"]
    words = ("--calibration-samples", 70, "--max-drop", 20, "--data", "data.npz")
    done = run_command(fer_convert, after.path, "--int8", *words)
    assert done.exit_code == 0, done.output
    (metric,) = ModelBundle.load(Path("converted/a-qat-int8.tflite")).metrics
    assert metric["label_agreement"] >= 0.95
    missing = run_command(main, "qat", "nothing.keras", "soft.npz", "--data", "data.npz")
    assert missing.exit_code == 1
    assert "no model at nothing.keras" in missing.stderr


def test_targets_are_of_the_kind_that_the_model_was_trained_on(tiny_int8: Path) -> None:
    model = replace(ModelBundle.load(tiny_int8), labels=FER2013_LABELS)
    crowd = replace(model, source={"label_convention": "FER+"})
    eight = replace(model, labels=(*FER2013_LABELS, "contempt"))
    recipes = [qat_recipe(each) for each in (model, crowd, eight)]
    assert [recipe.classes for recipe in recipes] == ["fer2013", "ferplus7", "ferplus"]
    assert [recipe.logit_adjustment for recipe in recipes] == [False, True, False]
    assert recipes[1].soft_weight == RECIPES["nano"].soft_weight
    assert recipes[2].soft_weight == RECIPES["base-ferplus"].soft_weight


@pytest.mark.parametrize("package", ["tf_keras", "tensorflow_model_optimization"])
def test_a_missing_extra_is_named(
    package: str, tiny_int8: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "fer_sdk._internal.extras.find_spec",
        lambda name: None if name == package else find_spec(name),
    )
    done = run_command(main, "qat", tiny_int8, "soft.npz", "--data", "data.npz")
    assert done.exit_code == 1
    assert f"{package}" in done.stderr
    assert "fer-sdk[qat]" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "TF_USE_LEGACY_KERAS" not in os.environ
