import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fer_sdk import fer2013
from fer_sdk.fer2013 import Fer2013
from fer_train.augmentation import Augmentation
from fer_train.cli import main
from fer_train.data.importer import save
from fer_train.errors import TrainingError
from fer_train.recipes import RECIPES

pytestmark = pytest.mark.tensorflow
keras = pytest.importorskip("keras", reason="training needs the extra `train`")

from fer_train.fit import Run, predict  # noqa: E402 - needs Keras

SMOKE = replace(RECIPES["smoke"], epochs=3)


def final_weights(run: Run) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    return [np.asarray(weight) for weight in run.student.get_weights()]


def assert_same(one: Run, other: Run) -> None:
    for a, b in zip(final_weights(one), final_weights(other), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_run_stopped_at_any_step_ends_with_the_same_weights(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    whole = Run(SMOKE, small_fer2013, tmp_path / "whole", seed=1)
    whole.train()
    assert whole.finished
    assert whole.steps == 139 // 16
    for steps in (5, whole.steps, whole.steps + 3):
        folder = tmp_path / f"stopped-{steps}"
        parts = 0
        while True:
            run = Run(SMOKE, small_fer2013, folder, seed=1)
            if run.finished:
                break
            left = iter(range(steps - 1, -1, -1))
            run.train(stop=lambda left=left: next(left) == 0)  # type: ignore[misc]
            parts += 1
        assert parts >= 3 * whole.steps // (steps + 1)
        assert_same(run, whole)
        losses = [[row["loss"] for row in r.progress.history] for r in (run, whole)]
        assert losses[0] == pytest.approx(losses[1])


def test_another_seed_gives_another_model(small_fer2013: Fer2013, tmp_path: Path) -> None:
    one, other = (Run(SMOKE, small_fer2013, tmp_path / str(s), seed=s) for s in (1, 2))
    kernels = final_weights(one)[0], final_weights(other)[0]
    assert (kernels[0] != kernels[1]).any()


def test_a_folder_of_another_run_is_refused(small_fer2013: Fer2013, tmp_path: Path) -> None:
    run = Run(SMOKE, small_fer2013, tmp_path, seed=1)
    run.train(stop=lambda: True)
    with pytest.raises(TrainingError, match="seed is 1, asked for 2"):
        Run(SMOKE, small_fer2013, tmp_path, seed=2)
    with pytest.raises(TrainingError, match="recipe is"):
        Run(replace(SMOKE, learning_rate=0.01), small_fer2013, tmp_path, seed=1)
    (tmp_path / "checkpoint.npz").write_bytes(b"damaged")
    with pytest.raises(TrainingError, match="is damaged"):
        Run(SMOKE, small_fer2013, tmp_path, seed=1)


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    run = Run(SMOKE, small_fer2013, tmp_path, seed=1)
    run.train(stop=lambda: True)
    before = (tmp_path / "checkpoint.npz").read_bytes()
    run.targets[:] = np.nan
    with pytest.raises(TrainingError, match="the loss is nan in epoch 1, step 2"):
        run.train()
    assert (tmp_path / "checkpoint.npz").read_bytes() == before


def test_training_learns_what_the_faces_show(small_fer2013: Fer2013, tmp_path: Path) -> None:
    run = Run(
        replace(SMOKE, epochs=40, augmentation=Augmentation()), small_fer2013, tmp_path, seed=0
    )
    run.train()
    rows = small_fer2013.rows(fer2013.PRIVATE_TEST)
    logits = predict(run.student, small_fer2013.pixels[rows])
    assert (logits.argmax(1) == small_fer2013.emotion[rows]).mean() > 0.4  # by chance 0.14
    history = json.loads((tmp_path / "history.json").read_text())
    assert history[-1]["loss"] < history[0]["loss"]


def test_test_splits_do_not_touch_training(small_fer2013: Fer2013, tmp_path: Path) -> None:
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
    program = "from fer_train.cli import main; main()"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    with subprocess.Popen(
        [sys.executable, "-c", program, *words], env=environment, stderr=subprocess.DEVNULL
    ) as child:
        deadline = time.monotonic() + 90
        while not (out / "checkpoint.npz").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert "clean PublicTest" in done.stdout
    names = {path.name for path in out.iterdir()}
    assert names == {
        "checkpoint.npz", "curves.png", "history.json", "recipe.json",
        "smoke.keras", "smoke.keras.json",
    }  # fmt: skip
    evaluated = CliRunner().invoke(
        main,
        ["evaluate", str(out / "smoke.keras"), "--data", str(data), "--out", str(tmp_path / "ev")],
    )
    assert evaluated.exit_code == 0, evaluated.output
    assert "balanced accuracy" in evaluated.stdout
    assert {path.name for path in (tmp_path / "ev").iterdir()} == {
        "confusion.png", "reliability.png", "scores.json",
    }  # fmt: skip


def test_time_budget_stops_and_the_same_command_goes_on(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    data = tmp_path / "data.npz"
    save(small_fer2013, data)
    words = ["fit", "smoke", "--data", str(data), "--out", str(tmp_path / "run")]
    stopped = CliRunner().invoke(main, [*words, "--max-minutes", "0.000001"])
    assert stopped.exit_code == 0, stopped.output
    assert "the same command goes on" in stopped.stdout
    assert not (tmp_path / "run" / "smoke.keras").exists()
    assert CliRunner().invoke(main, words).exit_code == 0
    assert (tmp_path / "run" / "smoke.keras").exists()
