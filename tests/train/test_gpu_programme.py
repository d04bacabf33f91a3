"""The GPU programme on the CPU: every step with tiny networks and few faces."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.synthetic import synthetic_faces, with_votes

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.configs import RECIPES
from fer_train.data import imported_faces
from fer_train.data.importer import save
from fer_train.data.recipe import Stage

keras = pytest.importorskip("keras", reason="training needs the extra `train`")
# Keras' MixUp requests int64, and JAX truncates it.
pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning"),
]
on_jax = pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="the GPU programme needs KERAS_BACKEND=jax"
)

from fer_train.training.trainer import Run
from gpu import plan, results
from gpu.__main__ import main

SIZES: dict[str, object] = {"stem": 4, "widths": (6,), "blocks": (0,)}
TINY = replace(
    RECIPES["smoke"], sizes=SIZES, stages=(Stage(2, 0.05),), mixup=0.2, weight_averaging=0.9
)
STUDENT = replace(
    TINY,
    model="side_by_side",
    sizes={"students": {"nano": SIZES, "small": {**SIZES, "stem": 5}}},
    stages=(Stage(1, 0.05, side=32), Stage(1, 0.05)),
    classes="ferplus7",
    soft_weight=0.9,
    soft_temperature=2.0,
    mixup=1.0,
)
TEACHERS = {
    "wide": plan.Planned(TINY, 1, 10),
    "votes": plan.Planned(replace(TINY, classes="ferplus"), 1, 10, seed=1),
}
STUDENTS = {"students": plan.Planned(STUDENT, 1, 10, teachers={"wide": 0.3, "votes": 0.7})}


@pytest.fixture
def faces() -> imported_faces.ImportedFaces:
    pixels = synthetic_faces(30, seed=5)[0]
    return imported_faces.ImportedFaces(pixels, {"id": np.arange(30)}, "pack", "CC-BY-4.0")


def run(*words: object) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout


@on_jax
def test_several_steps_per_call_give_the_curve_of_single_steps(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    one = Run(TINY, small_fer2013, tmp_path / "one", seed=1)
    one.train()
    left = iter([False, True])
    stopped = Run(TINY, small_fer2013, tmp_path / "several", seed=1, steps_per_call=5)
    stopped.train(stop=lambda: next(left))
    assert (stopped.progress.epoch, stopped.progress.step) == (0, stopped.steps)
    several = Run(
        TINY, small_fer2013, tmp_path / "several", 1, steps_per_call=5, validation_epochs=3
    )
    several.train()
    assert [row["epoch"] for row in several.progress.history] == [2]
    assert several.progress.history[-1]["loss"] == pytest.approx(
        one.progress.history[-1]["loss"], rel=1e-3
    )


@on_jax
@pytest.mark.slow
def test_the_programme_runs_and_its_results_return(
    small_fer2013: Fer2013,
    faces: imported_faces.ImportedFaces,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan, "TEACHERS", TEACHERS)
    monkeypatch.setattr(plan, "STUDENTS", STUDENTS)
    monkeypatch.setattr(results, "SMALL_BYTES", 1000)  # weights travel in files of their own
    monkeypatch.setattr(results, "PART_BYTES", 3000)
    save(with_votes(small_fer2013), tmp_path / plan.FER2013)
    imported_faces.save(faces, tmp_path / plan.FACES)
    places = ["--data", tmp_path / "data", "--runs", tmp_path / "runs", "--out", tmp_path / "out"]
    runs, out = tmp_path / "runs", tmp_path / "out"

    run("pack", tmp_path / plan.FER2013, tmp_path / plan.FACES, "--out", tmp_path / "parts",
        "--part-mib", 0.25)  # fmt: skip
    for part in sorted((tmp_path / "parts").iterdir()):
        run("unpack", part, "--data", tmp_path / "data")
    assert fer2013.load(tmp_path / "data" / plan.FER2013).fingerprint == small_fer2013.fingerprint

    assert run("probe", *places).count("images/s") == 3
    stopped = run("teachers", "wide", "--max-minutes", 1e-3, "--tta", "none", *places)
    assert "wide: stopped in epoch 1 of" in stopped or "not started" in stopped
    said = run("teachers", "--max-minutes", 60, "--tta", "none", *places)
    assert said.count("deduplicated PublicTest") == 2
    assert run("teachers", *places) == ""
    (tmp_path / "out").rename(tmp_path / "returned")
    said = run("students", "--max-minutes", 60, *places, "--tta", "none")
    assert said.count("deduplicated PublicTest") == 2
    said = run("soft-labels", "--augmentations", 2, *places)
    assert "2 of 2 augmentations, 139 faces" in said
    assert "2 of 2 augmentations, 30 faces" in said

    restored = tmp_path / "restored"
    for folder in (tmp_path / "returned", out):
        run("receive", folder, "--runs", restored)
    for name, labels in (("wide/wide", 7), ("votes/votes", 8), ("students/nano", 7)):
        bundle = ModelBundle.load(restored / f"{name}.keras")
        assert len(bundle.labels) == labels
        kept = keras.saving.load_model(runs / f"{name}.keras").get_weights()
        for a, b in zip(keras.saving.load_model(bundle.path).get_weights(), kept, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)
    history = json.loads((restored / "students" / "history.json").read_text())
    assert [row["epoch"] for row in history] == list(range(1, len(history) + 1))
    assert (restored / "wide" / "wide.predictions.npz").exists()


def test_packed_files_return_and_damage_is_reported(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 48, 48)).astype(np.uint8)
    np.savez(tmp_path / "a.npz", pixels=pixels, text=np.array("words"), votes=np.zeros((0, 10)))
    (tmp_path / "b.h5").write_bytes(b"weights")
    files = [str(tmp_path / "a.npz"), str(tmp_path / "b.h5")]
    run("pack", *files, "--out", tmp_path / "parts", "--part-mib", 0.02)
    first, *others = sorted((tmp_path / "parts").iterdir())
    assert len(others) == 2
    data = tmp_path / "data"
    assert run("unpack", first, "--data", data) == "part 1 of 3; missing: 2, 3\n"
    run("unpack", others[0], "--data", data)
    assert run("unpack", others[1], "--data", data) == "unpacked a.npz, b.h5\n"
    with np.load(data / "a.npz") as restored:
        np.testing.assert_array_equal(restored["pixels"], pixels)
        assert str(restored["text"]) == "words"
        assert restored["votes"].shape == (0, 10)
    assert (data / "b.h5").read_bytes() == b"weights"

    (damaged,) = others[1].iterdir()
    damaged.write_bytes(damaged.read_bytes()[:-1])
    for part in (first, others[0]):
        run("unpack", part, "--data", data)
    refused = CliRunner().invoke(main, ["unpack", str(others[1]), "--data", str(data)])
    assert refused.exit_code == 1
    assert "are damaged: carry all of them again" in refused.stderr


def test_wrong_names_and_backends_are_refused(tmp_path: Path) -> None:
    words = ["teachers", "wider", "--runs", str(tmp_path)]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 1
    assert "no run named wider: available are wide," in refused.stderr
    refused = CliRunner().invoke(main, ["pack", "none.npz", "--out", str(tmp_path)])
    assert "no file at none.npz to pack" in refused.stderr
    refused = CliRunner().invoke(main, ["receive", str(tmp_path), "--runs", str(tmp_path)])
    assert "no readable results at" in refused.stderr
    if keras.backend.backend() != "jax":
        refused = CliRunner().invoke(main, ["probe", "--runs", str(tmp_path)])
        assert "needs KERAS_BACKEND=jax" in refused.stderr
