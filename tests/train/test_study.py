import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.labels import FER2013_LABELS
from fer_train.cli.main import main
from fer_train.configs import RECIPES, TEACHERS_VIEWS
from fer_train.data.importer import save
from fer_train.data.recipe import Stage
from fer_train.data.soft_labels import SoftLabels
from fer_train.data.soft_labels import save as save_soft_labels

pytestmark = pytest.mark.tensorflow
pytest.importorskip("keras", reason="training needs the extra `train`")
pytest.importorskip("imblearn", reason="resampling needs the extra `train`")

from research import training_studies
from research.study import Study, Variant

TINY = replace(RECIPES["smoke"], stages=(Stage(1, 0.01),))


def test_the_studies_compare_what_they_say() -> None:
    kinds = main.commands["study"].params[0].type
    assert isinstance(kinds, click.Choice)
    choices = kinds.choices
    names = {name: set(training_studies.study(name, Path("mesh.npz")).variants) for name in choices}
    assert names["imbalance"] == {
        "nothing", "class weights", "over", "under", "smote", "tomek", "smote-tomek", "smote-enn",
    }  # fmt: skip
    assert len(names["ferplus"]) == 7
    assert len(names["landmarks"]) == 6
    assert len(names["distillation"]) == 9


def test_study_writes_a_row_a_variant_and_keeps_finished_runs(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = Study(
        "imbalance", "Title", "Method.", "Lesson.",
        {"nothing": Variant(TINY), "over": Variant(replace(TINY, resampling="over"))}, (0, 1),
    )  # fmt: skip
    monkeypatch.setattr(training_studies, "study", lambda name, mesh: tiny)
    monkeypatch.chdir(tmp_path)
    save(small_fer2013, tmp_path / "data.npz")
    stamps = []
    for _ in range(2):
        done = CliRunner().invoke(main, ["study", "imbalance", "--data", "data.npz"])
        assert done.exit_code == 0, done.output
        text = Path("docs/results/imbalance.md").read_text()
        assert "| nothing | 139 |" in text
        assert "| over | 140 |" in text
        assert "`fer-train study imbalance`" in text
        assert read_photo(Path("docs/results/imbalance.png"), convert=True).std() > 10
        checkpoints = sorted(Path("runs").rglob("checkpoint.npz"))
        assert len(checkpoints) == 4
        stamps.append([path.stat().st_mtime_ns for path in checkpoints])
    assert stamps[0] == stamps[1]


def test_study_of_distillation_reads_soft_labels_and_as_many_views_as_it_says(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught = replace(TINY, soft_weight=0.5)
    tiny = Study(
        "distillation", "Title", "Method.", "Its lesson.",
        {"labels": Variant(TINY), "one view": Variant(taught, views=1), "all": Variant(taught)},
        (0,),
    )  # fmt: skip
    monkeypatch.setattr(training_studies, "study", lambda name, mesh: tiny)
    monkeypatch.chdir(tmp_path)
    save(small_fer2013, tmp_path / "data.npz")
    words = ["study", "distillation", "--data", "data.npz", "--soft-labels", "soft.npz"]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 1
    assert "no soft labels at soft.npz" in refused.stderr
    labels = np.random.default_rng(0).integers(1, 256, (3, 139, 7), np.uint8)
    soft = SoftLabels(labels, FER2013_LABELS, TEACHERS_VIEWS, small_fer2013.fingerprint, {})
    save_soft_labels(soft, tmp_path / "soft.npz")
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    origins = {
        path.parent.name: json.loads(path.read_text())["data"]
        for path in Path("runs").rglob("recipe.json")
    }
    assert origins["labels-seed0"] == small_fer2013.fingerprint
    assert soft.digest in origins["all-seed0"]
    assert replace(soft, labels=labels[:1]).digest in origins["one-view-seed0"]
    assert "Its lesson." in Path("docs/results/distillation.md").read_text()
