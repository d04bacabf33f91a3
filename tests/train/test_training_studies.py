import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.labels import FER2013_LABELS
from fer_train.configs import RECIPES
from fer_train.configs.augmentations import TEACHER_AUGMENTATION
from fer_train.data.importer import save
from fer_train.data.recipe import Stage
from fer_train.data.soft_labels import SoftLabels
from fer_train.data.soft_labels import save as save_soft_labels

pytestmark = pytest.mark.tensorflow
pytest.importorskip("keras", reason="training needs the extra `train`")
pytest.importorskip("imblearn", reason="resampling needs imbalanced-learn")

from research import training_studies
from research.resampling import resample_training
from research.study_runner import Study, Variant
from research.training_studies import STUDIES, main

TINY = replace(RECIPES["smoke"], stages=(Stage(1, 0.01),))


def oversampled(data: Fer2013, seed: int) -> Fer2013:
    return resample_training(data, "over", seed)


def test_the_studies_have_the_variants_of_their_pages() -> None:
    results = Path(__file__).parents[2] / "docs" / "results"
    for name in STUDIES:
        page = (results / f"{name}.md").read_text()
        study = training_studies.study(name, Path("mesh.npz"))
        rows = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| ")]
        assert rows[1:] == [f"| {variant}" for variant in study.variants]
        for text in (study.title, study.method, study.result):
            assert text in page


def test_a_study_writes_one_row_per_variant_and_reuses_finished_runs(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = Study(
        "imbalance", "Title", "Method.", "Result.",
        {"nothing": Variant(TINY), "over": Variant(TINY, prepare=oversampled)}, (0, 1),
    )  # fmt: skip
    monkeypatch.setattr(training_studies, "study", lambda name, mesh: tiny)
    monkeypatch.chdir(tmp_path)
    save(small_fer2013, tmp_path / "data.npz")
    stamps = []
    for _ in range(2):
        done = CliRunner().invoke(main, ["imbalance", "--data", "data.npz"])
        assert done.exit_code == 0, done.output
        text = Path("docs/results/imbalance.md").read_text()
        assert "| nothing | 139 |" in text
        assert "| over | 140 |" in text
        assert "`python -m research.training_studies imbalance`" in text
        assert read_photo(Path("docs/results/imbalance.png"), convert=True).std() > 10
        checkpoints = sorted(Path("runs").rglob("checkpoint.npz"))
        assert len(checkpoints) == 4
        stamps.append([path.stat().st_mtime_ns for path in checkpoints])
    assert stamps[0] == stamps[1]


def test_the_study_of_distillation_uses_the_stated_number_of_augmentations(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distilled = replace(TINY, soft_weight=0.5)
    tiny = Study(
        "distillation", "Title", "Method.", "Its result.",
        {
            "labels": Variant(TINY),
            "one augmentation": Variant(distilled, augmentations=1),
            "all": Variant(distilled),
        },
        (0,),
    )  # fmt: skip
    monkeypatch.setattr(training_studies, "study", lambda name, mesh: tiny)
    monkeypatch.chdir(tmp_path)
    save(small_fer2013, tmp_path / "data.npz")
    words = ["distillation", "--data", "data.npz", "--soft-labels", "soft.npz"]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 1
    assert "no soft labels at soft.npz" in refused.stderr
    labels = np.random.default_rng(0).integers(1, 256, (3, 139, 7), np.uint8)
    soft = SoftLabels(labels, FER2013_LABELS, TEACHER_AUGMENTATION, small_fer2013.fingerprint, {})
    save_soft_labels(soft, tmp_path / "soft.npz")
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    origins = {
        path.parent.name: json.loads(path.read_text())["data"]
        for path in Path("runs").rglob("recipe.json")
    }
    assert origins["labels-seed0"] == small_fer2013.fingerprint
    assert soft.digest in origins["all-seed0"]
    assert replace(soft, labels=labels[:1]).digest in origins["one-augmentation-seed0"]
    assert "Its result." in Path("docs/results/distillation.md").read_text()
