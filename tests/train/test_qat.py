from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from tests.synthetic import synthetic_faces

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_train.cli.main import main
from fer_train.configs import RECIPES
from fer_train.configs.augmentations import TEACHER_AUGMENTATION
from fer_train.configs.students import QAT
from fer_train.data.importer import save
from fer_train.data.recipe import Stage
from fer_train.data.soft_labels import SoftLabels
from fer_train.data.soft_labels import save as save_soft_labels

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="training needs the extra `train`")

from fer_train import models
from fer_train.evaluation.inference import to_network_input
from fer_train.training import fake_quantization
from fer_train.training.publish import publish
from fer_train.training.trainer import Run

FACES = to_network_input(synthetic_faces(40)[0])


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Save a small network whose batch norms are not the identity."""
    network = models.build("residual_student", RECIPES["smoke"].sizes)
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    path = tmp_path / "trained.keras"
    network.save(path)
    return path


def test_a_bn_folded_network_has_the_same_outputs_without_batch_norms(trained: Path) -> None:
    network = keras.saving.load_model(trained, compile=False)
    bn_folded = models.build("bn_folded", {"trained": str(trained)})
    np.testing.assert_allclose(bn_folded(FACES), network(FACES), rtol=1e-4, atol=1e-4)
    kinds = {type(layer) for layer in bn_folded.layers}
    assert keras.layers.BatchNormalization not in kinds
    assert keras.layers.Conv2D in kinds


def test_networks_that_cannot_be_folded_are_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no network at"):
        models.build("bn_folded", {"trained": str(tmp_path / "nothing.keras")})
    with pytest.raises(InputError, match="has 7 logits, expected 8"):
        models.build("bn_folded", {"trained": str(trained), "classes": 8})
    models.build("mini_vgg", {"widths": (2, 2, 2)}).save(tmp_path / "vgg.keras")
    with pytest.raises(
        InputError, match=r"cannot be folded: batch_norm.* follows re_lu.*, not a convolution"
    ):
        models.build("bn_folded", {"trained": str(tmp_path / "vgg.keras")})
    (tmp_path / "vgg.keras").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"not a readable \.keras file"):
        models.build("bn_folded", {"trained": str(tmp_path / "vgg.keras")})


def test_activations_have_256_levels_and_kernels_255_but_not_in_a_clone(trained: Path) -> None:
    plain = models.build("bn_folded", {"trained": str(trained)})
    rounding = models.build("bn_folded", {"trained": str(trained)})
    fake_quantization.quantize_in_training(rounding, FACES)
    logits, exact = np.asarray(rounding(FACES)), np.asarray(plain(FACES))
    assert (logits != exact).any()
    np.testing.assert_allclose(logits, exact, atol=0.1 * np.ptp(exact))
    first = next(layer for layer in rounding.layers if isinstance(layer, keras.layers.ReLU))
    seen = keras.Model(rounding.input, first.output)(FACES)
    assert 100 < len(np.unique(seen)) <= 256
    kernel = np.asarray(fake_quantization.rounded(rounding.layers[2].kernel))
    for channel in range(kernel.shape[-1]):
        steps = kernel[..., channel] / np.abs(kernel[..., channel]).max() * 127
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
    copy = keras.models.clone_model(rounding)
    copy.set_weights(rounding.get_weights())
    np.testing.assert_allclose(copy(FACES), exact, rtol=1e-4, atol=1e-4)
    with pytest.raises(InputError, match="fake quantization does not support the layer"):
        fake_quantization.quantize_in_training(
            keras.saving.load_model(trained, compile=False), FACES
        )


def test_qat_fine_tunes_a_student_and_writes_a_float_model(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(small_fer2013, Path("data.npz"))
    labels = np.random.default_rng(0).integers(1, 256, (2, 139, 7), np.uint8)
    soft = SoftLabels(labels, FER2013_LABELS, TEACHER_AUGMENTATION, small_fer2013.fingerprint, {})
    save_soft_labels(soft, Path("soft.npz"))
    run = Run(RECIPES["smoke"], small_fer2013, Path("runs/smoke"), seed=0)
    run.train()
    before, _ = publish(run, "smoke", "a test")
    tiny = replace(QAT, stages=(Stage(2, 0.01),), batch_size=16)
    monkeypatch.setattr("fer_train.cli.fit.QAT", tiny)
    words = ["qat", str(before.path), "soft.npz", "--data", "data.npz"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    after = ModelBundle.load(Path("runs/smoke-qat-seed0/smoke-qat.keras"))
    assert after.source["command"] == "a test && fer-train qat runs/smoke/smoke.keras soft.npz"
    network = keras.saving.load_model(after.path, compile=False)
    old = models.build("bn_folded", {"trained": str(before.path)})
    *kernels, _ = (
        abs(a - b).max() for a, b in zip(network.get_weights(), old.get_weights(), strict=True)
    )  # the last array holds the offsets to the logits
    assert 0 < max(kernels) < 0.1
    missing = CliRunner().invoke(main, ["qat", "nothing.keras", "soft.npz", "--data", "data.npz"])
    assert missing.exit_code == 1
    assert "no model at nothing.keras" in missing.stderr
