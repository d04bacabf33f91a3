import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from tests.synthetic import with_votes

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError, OutputError
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.labels import FERPLUS_LABELS
from fer_train.cli.main import main
from fer_train.configs import RECIPES
from fer_train.data.importer import save
from fer_train.data.recipe import Augmentation, Stage
from fer_train.errors import TrainingError

pytestmark = pytest.mark.tensorflow
keras: Any = pytest.importorskip("keras", reason="training needs the extra `train`")

from fer_train import models
from fer_train.evaluation.calibration import fit_offsets, with_offsets_by_halves
from fer_train.evaluation.evaluate import evaluate
from fer_train.evaluation.inference import predict
from fer_train.training.publish import publish
from fer_train.training.trainer import Run, commit

# Two convolutions with batch norm: most of a test's time goes into compiling the training step.
SMOKE = replace(
    RECIPES["smoke"],
    sizes={"stem": 4, "widths": (6,), "blocks": (0,)},
    stages=(Stage(2, 0.05, warmup_epochs=1), Stage(1, 0.01)),
)


def final_weights(run: Run) -> list[NDArray[np.float32]]:
    return [np.asarray(weight) for weight in run.student.get_weights()]


def assert_same(one: Run, other: Run) -> None:
    for a, b in zip(final_weights(one), final_weights(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_run_stopped_at_any_step_resumes_to_the_same_weights(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    whole = Run(SMOKE, small_fer2013, tmp_path / "whole", seed=1)
    whole.train()
    assert whole.finished
    assert whole.steps == 139 // 16
    # Stops within an epoch, at its end, and past the end of an epoch and of a stage.
    parts = [5, whole.steps - 5, whole.steps + 3, whole.steps - 4]
    for steps in (*parts, None):
        run = Run(SMOKE, small_fer2013, tmp_path / "stopped", seed=1)
        assert not run.finished
        left = iter(range(steps - 1, -1, -1)) if steps else itertools.repeat(1)
        run.train(stop=lambda left=left: next(left) == 0)  # type: ignore[misc]
    assert run.finished
    assert_same(run, whole)
    losses = [[row["loss"] for row in r.progress.history] for r in (run, whole)]
    assert losses[0] == pytest.approx(losses[1])


def small_transfer_net(name: str, sizes: dict[str, object]) -> Any:
    """Build a network with a backbone, like the transfer networks."""
    backbone = keras.Sequential(
        [keras.Input((48, 48, 1)), keras.layers.Conv2D(4, 5, 4), keras.layers.BatchNormalization()],
        name="backbone",
    )
    inputs = keras.Input((48, 48, 1))
    x = keras.layers.Flatten()(backbone(keras.layers.Rescaling(1 / 255)(inputs)))
    return keras.Model(inputs, keras.layers.Dense(7)(x))


def test_a_frozen_stage_keeps_the_backbone_and_the_next_stage_trains_it(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "build", small_transfer_net)
    stages = (Stage(1, 1e-3, frozen=True), Stage(1, 5e-4), Stage(1, 5e-5, class_weights=True))
    recipe = replace(SMOKE, stages=stages, optimizer="adam")
    run = Run(recipe, small_fer2013, tmp_path, seed=1)

    def backbone() -> list[NDArray[np.float32]]:
        return [w.copy() for w in run.student.get_layer("backbone").get_weights()]

    first, head = backbone(), run.student.get_weights()[-2].copy()
    run.train(stop=lambda: run.progress.epoch == 0 and run.progress.step == run.steps)
    for before, after in zip(first, backbone(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert (run.student.get_weights()[-2] != head).any()
    kept = run.local_student().get_layer("backbone").get_weights()
    for before, after in zip(first, kept, strict=True):
        np.testing.assert_array_equal(before, after)
    run = Run(recipe, small_fer2013, tmp_path, seed=1)
    run.train()
    assert all((a != b).any() for a, b in zip(first, backbone(), strict=True))


def test_class_weights_raise_the_loss_of_a_rare_class(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    emotion = np.where(small_fer2013.emotion > 4, 0, 1).astype(np.uint8)
    rare = replace(small_fer2013, emotion=emotion)
    rare.emotion[:7] = range(7)
    losses = []
    for weighted in (False, True):
        recipe = replace(SMOKE, stages=(Stage(1, 1e-9, class_weights=weighted),))
        run = Run(recipe, rare, tmp_path / str(weighted), seed=1)
        run.student.get_layer("logits").bias.assign(
            [0, 5, 0, 0, 0, 0, 0]
        )  # towards the frequent class
        run.train()
        losses.append(run.progress.history[0]["loss"])
    assert losses[1] > 2 * losses[0]


def test_another_seed_gives_another_model(small_fer2013: Fer2013, tmp_path: Path) -> None:
    one, other = (Run(SMOKE, small_fer2013, tmp_path / str(s), seed=s) for s in (1, 2))
    kernels = final_weights(one)[0], final_weights(other)[0]
    assert (kernels[0] != kernels[1]).any()


def test_a_folder_of_another_run_is_refused(small_fer2013: Fer2013, tmp_path: Path) -> None:
    run = Run(SMOKE, small_fer2013, tmp_path, seed=1)
    run.train(stop=lambda: True)
    with pytest.raises(TrainingError, match="seed is 1, expected 2"):
        Run(SMOKE, small_fer2013, tmp_path, seed=2)
    with pytest.raises(TrainingError, match="recipe is"):
        Run(replace(SMOKE, momentum=0.8), small_fer2013, tmp_path, seed=1)
    (tmp_path / "checkpoint.npz").write_bytes(b"damaged")
    with pytest.raises(TrainingError, match="is damaged"):
        Run(SMOKE, small_fer2013, tmp_path, seed=1)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_checkpoint(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    run = Run(SMOKE, small_fer2013, tmp_path, seed=1)
    run.train(stop=lambda: True)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    run.sample.targets[:] = np.nan
    with pytest.raises(TrainingError, match="the loss is nan in epoch 1, step 2"):
        run.train()
    assert (tmp_path / "checkpoint.npz").read_bytes() == before


def test_training_learns_what_the_faces_show(small_fer2013: Fer2013, tmp_path: Path) -> None:
    recipe = replace(
        RECIPES["smoke"], stages=(Stage(20, 0.05),), augmentation=Augmentation()
    )  # two convolutions learn too little
    run = Run(recipe, small_fer2013, tmp_path, seed=0)
    run.train()
    rows = small_fer2013.rows(fer2013.PRIVATE_TEST)
    logits = predict(run.student, small_fer2013.pixels[rows])
    assert (logits.argmax(1) == small_fer2013.emotion[rows]).mean() > 0.4  # by chance 0.14
    history = json.loads((tmp_path / "history.json").read_text())
    assert history[-1]["loss"] < history[0]["loss"]


def test_training_does_not_depend_on_test_labels(small_fer2013: Fer2013, tmp_path: Path) -> None:
    changed = small_fer2013.emotion.copy()
    changed[small_fer2013.usage == fer2013.PRIVATE_TEST] = 0
    other = Fer2013(
        small_fer2013.pixels, changed, small_fer2013.usage,
        small_fer2013.duplicate_of, small_fer2013.ferplus_votes,
    )  # fmt: skip
    runs = [Run(SMOKE, d, tmp_path / n, seed=1) for d, n in ((small_fer2013, "a"), (other, "b"))]
    for run in runs:
        run.train()
    assert_same(*runs)


def test_command_survives_kill_and_publishes_a_bundle(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    data, out = tmp_path / "data.npz", tmp_path / "run"
    save(small_fer2013, data)
    words = ["fit", "smoke", "--data", str(data), "--out", str(out)]
    program = "from fer_train.cli.main import main; main()"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        [sys.executable, "-c", program, *words], env=environment, stderr=subprocess.DEVNULL
    ) as child:
        deadline = time.monotonic() + 90
        while not (out / "checkpoint.npz").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    # A file that was being written when the process was killed keeps its temporary name.
    left = {path.name for path in out.glob(".*")}
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "deduplicated PublicTest" in done.stdout
    names = {path.name for path in out.iterdir()}
    assert names - left == {
        "checkpoint.npz", "confusion.png", "curves.png", "history.json", "recipe.json",
        "smoke.keras", "smoke.keras.json",
    }  # fmt: skip
    origin = json.loads((out / "recipe.json").read_text())
    assert origin["data"] == small_fer2013.fingerprint
    assert (origin["commit"], origin["seed"]) == (commit(), 0)
    assert ModelBundle.load(out / "smoke.keras").source["command"] == "fer-train fit smoke"
    evaluated = CliRunner().invoke(
        main,
        ["evaluate", str(out / "smoke.keras"), "--data", str(data), "--out", str(tmp_path / "ev")],
    )
    assert evaluated.exit_code == 0, evaluated.output
    assert "balanced accuracy" in evaluated.stdout
    assert {path.name for path in (tmp_path / "ev").iterdir()} == {
        "confusion.png", "reliability.png", "scores.json",
    }  # fmt: skip


def test_a_time_limit_stops_and_the_same_command_resumes(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    data = tmp_path / "data.npz"
    save(small_fer2013, data)
    words = ["fit", "smoke", "--data", str(data), "--out", str(tmp_path / "run")]
    stopped = CliRunner().invoke(main, [*words, "--max-minutes", "0.000001"])
    assert stopped.exit_code == 0, stopped.output
    assert "the same command resumes" in stopped.stdout
    assert not (tmp_path / "run" / "smoke.keras").exists()
    assert CliRunner().invoke(main, words).exit_code == 0
    assert (tmp_path / "run" / "smoke.keras").exists()


def test_epochs_and_precision_of_a_recipe_can_be_changed(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    data, out = tmp_path / "data.npz", tmp_path / "run"
    save(small_fer2013, data)
    words = ["fit", "smoke", "--data", str(data), "--out", str(out)]
    changes = ["--epochs", "1", "--precision", "mixed_bfloat16"]
    done = CliRunner().invoke(main, [*words, *changes])
    assert done.exit_code == 0, done.output
    assert len(json.loads((out / "history.json").read_text())) == 1
    assert json.loads((out / "recipe.json").read_text())["precision"] == "mixed_bfloat16"
    # The checkpoint belongs to the changed recipe, not to its name.
    other = CliRunner().invoke(main, words)
    assert other.exit_code == 1
    assert "choose another --out or add --restart" in other.stderr


def test_a_network_of_eight_classes_is_trained_and_scored_on_votes(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    recipe = replace(SMOKE, classes="ferplus", sample_labels=True, stages=(Stage(8, 0.05),))
    run = Run(recipe, with_votes(small_fer2013), tmp_path, seed=0)
    run.train()
    bundle, scores = publish(run, "eight", "a test")
    assert bundle.labels == FERPLUS_LABELS[:8]
    assert bundle.priors == {}
    assert [c.label for c in scores.classes] == list(bundle.labels)
    result = evaluate(bundle.path, with_votes(small_fer2013), (fer2013.PUBLIC_TEST,), ferplus=True)
    assert result.deduplicated.accuracy == pytest.approx(scores.accuracy)
    with pytest.raises(InputError, match=r"none were imported"):
        Run(recipe, replace(small_fer2013, ferplus_votes=no_votes()), tmp_path / "b", 0)


def test_published_networks_include_offsets_that_correct_the_votes(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    recipe = replace(SMOKE, ferplus_weight=0.5)
    run = Run(recipe, with_votes(small_fer2013), tmp_path, seed=1)
    run.train()
    logits = predict(run.local_student(), run.validation_faces)
    shifted = with_offsets_by_halves(logits, run.validation_labels)
    accuracy = run.progress.history[-1]["public_deduplicated_accuracy"]
    assert accuracy == pytest.approx((shifted.argmax(axis=1) == run.validation_labels).mean())
    expected = fit_offsets(logits, run.validation_labels)
    assert np.abs(expected).max() > 0.1
    for _ in range(2):
        bundle, _ = publish(run, "voted", "a test")
        network = keras.saving.load_model(bundle.path, compile=False)
        found = network.get_layer("logits").bias - run.student.get_layer("logits").bias
        np.testing.assert_allclose(np.array(found), expected, atol=1e-5)
        assert bundle.prior("fer2013") == bundle.prior("training")


def no_votes() -> NDArray[np.uint8]:
    return np.zeros((0, 10), np.uint8)


def test_mixup_resumes_exactly_and_refuses_class_weights(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    recipe = replace(SMOKE, mixup=0.3, augmentation=Augmentation(noise=0.02, flip_vertical=True))
    whole = Run(recipe, small_fer2013, tmp_path / "whole", seed=1)
    whole.train()
    parts = Run(recipe, small_fer2013, tmp_path / "parts", seed=1)
    parts.train(stop=lambda: parts.progress.step == 5)
    parts = Run(recipe, small_fer2013, tmp_path / "parts", seed=1)
    parts.train()
    assert_same(parts, whole)
    weighted = replace(recipe, stages=(Stage(1, 0.01, class_weights=True),))
    with pytest.raises(TrainingError, match="mixup cannot be combined with class weights"):
        Run(weighted, small_fer2013, tmp_path / "weighted", seed=1)


def test_averaged_weights_are_the_moving_average_of_the_steps_and_resume(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    recipe = replace(SMOKE, weight_averaging=0.8, stages=(Stage(1, 0.05),), batch_size=32)
    run = Run(recipe, small_fer2013, tmp_path, seed=1)
    mean: list[NDArray[np.float32]] = []
    for _ in range(run.steps):
        run.train(stop=lambda: True)
        now = [np.array(w) for w in run.student.trainable_weights]
        blended = [
            np.float32(0.8) * m + np.float32(0.2) * w for m, w in zip(mean, now, strict=False)
        ]
        mean = blended or now
        run = Run(recipe, small_fer2013, tmp_path, seed=1)
        for expected, found in zip(mean, run.local_student().trainable_weights, strict=True):
            np.testing.assert_allclose(np.array(found), expected, rtol=1e-4, atol=1e-6)
        for kept, weight in zip(now, run.student.trainable_weights, strict=True):
            np.testing.assert_array_equal(np.array(weight), kept)
    assert any((m != w).any() for m, w in zip(mean, now, strict=True))


def test_small_faces_come_first_on_one_learning_rate_schedule_and_resume(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    stages = (Stage(2, 0.05, final_learning_rate=0.02, side=24), Stage(1, 0.02))
    recipe = replace(SMOKE, stages=stages)
    whole = Run(recipe, small_fer2013, tmp_path / "whole", seed=1)
    seen = []
    whole.train(report=lambda *_: seen.append(whole.trainer.layers[-2].output.shape[1:]))
    assert seen == [(24, 24, 1)] * 2 * whole.steps + [(48, 48, 1)] * whole.steps
    rates = [row["learning_rate"] for row in whole.progress.history]
    assert rates == pytest.approx([0.035, 0.02, 0.0], abs=1e-6)
    assert whole.local_student().input_shape == (None, 48, 48, 1)
    for steps in (3, 2 * whole.steps + 1):
        folder = tmp_path / f"parts-{steps}"
        parts = Run(recipe, small_fer2013, folder, seed=1)
        parts.train(stop=partial(has_taken, parts, steps))
        parts = Run(recipe, small_fer2013, folder, seed=1)
        parts.train()
        assert_same(parts, whole)


def has_taken(run: Run, steps: int) -> bool:
    return run.progress.epoch * run.steps + run.progress.step == steps


def test_a_full_disk_stops_training_and_keeps_the_last_checkpoint(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(SMOKE, small_fer2013, tmp_path, seed=1)
    run.train(stop=lambda: run.progress.epoch == 1 and run.progress.step == 1)
    before = (tmp_path / "checkpoint.npz").read_bytes()

    def full(*args: object, **arrays: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OutputError, match=r"cannot write .*checkpoint.npz: No space left"):
        run.train()
    assert (tmp_path / "checkpoint.npz").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint.npz", "history.json", "recipe.json", "stage1.keras",
    }  # fmt: skip


def test_half_precision_trains_and_publishes_float32(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    recipe = replace(SMOKE, precision="mixed_bfloat16", stages=(Stage(1, 0.05), Stage(1, 0.01)))
    run = Run(recipe, small_fer2013, tmp_path, seed=1)
    run.train()
    bundle, _ = publish(run, "half", "a test")
    published = keras.saving.load_model(bundle.path, compile=False)
    assert {layer.compute_dtype for layer in published.layers} == {"float32"}
    first_stage = keras.saving.load_model(tmp_path / "stage1.keras", compile=False)
    assert first_stage.output_shape == (None, 7)
    assert keras.config.dtype_policy().name == "float32"
