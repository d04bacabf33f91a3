import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.configs import RECIPES
from fer_train.data.importer import save
from fer_train.data.recipe import Stage

pytestmark = pytest.mark.tensorflow
pytest.importorskip("keras", reason="training needs the extra `train`")

from fer_train.training.publish import publish, publish_stages
from fer_train.training.trainer import Run
from research.teachers import ORIGIN, main


def test_page_has_one_row_per_network_and_reads_private_once(
    small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(small_fer2013, Path("data.npz"))
    stages = (Stage(1, 0.05), Stage(1, 0.01, class_weights=True))
    recipe = replace(RECIPES["smoke"], model="simple_cnn", sizes={"widths": (4, 4, 4)})
    run = Run(replace(recipe, stages=stages), small_fer2013, Path("runs/simple"), seed=0)
    run.train(stop=lambda: run.progress.epoch == 1)
    words = ["runs/simple", "--data", "data.npz", "--out", "teachers.md"]
    early = CliRunner().invoke(main, words)
    assert early.exit_code == 1
    assert "contains no finished run" in early.stderr
    run.train()
    publish_stages(run, "a test")
    publish(run, "simple", "a test")
    snapshot, last = (ModelBundle.load(run.folder / f"{n}.keras") for n in ("stage1", "simple"))
    assert (snapshot.source["epochs"], last.source["epochs"]) == ("1", "2")
    assert float(snapshot.source["minutes"]) <= float(last.source["minutes"])
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    page = Path("teachers.md").read_text()
    assert all(f"| {network} |" in page for network in ORIGIN)
    assert page.count("not trained yet") == len(ORIGIN) - 1
    assert "class weights" in page
    scores = json.loads(Path("runs/simple/scores.json").read_text())
    assert scores["splits"]["both"]["all"]["n"] == 70
    accuracy = 100 * scores["splits"]["private"]["deduplicated"]["accuracy"]
    assert f"| {accuracy:.2f} |" in page
    scores["splits"]["private"]["deduplicated"]["accuracy"] = 0.125
    Path("runs/simple/scores.json").write_text(json.dumps(scores))
    sizes = {"widths": (2, 2, 2, 2), "dense": 4}
    small = replace(recipe, model="vggnet", sizes=sizes, stages=(Stage(1, 0.01),))
    ours = replace(RECIPES["smoke"], stages=(Stage(1, 0.01, side=24),))
    for name, another in (("small", small), ("ours", ours)):
        run = Run(another, small_fer2013, Path("runs") / name, seed=0)
        run.train()
        publish(run, name, "a test")
    words[0:1] = ["runs/small", "runs/ours"]
    assert CliRunner().invoke(main, [*words, "runs/simple"]).exit_code == 0
    shutil.rmtree("runs/simple")
    assert CliRunner().invoke(main, words).exit_code == 0, "the page keeps rows of deleted runs"
    page = Path("teachers.md").read_text()
    assert page.count("| simple_cnn | simple |") == 1
    assert "| 12.50 |" in page
    assert "| vggnet | small (run small: 1 epochs) |" in page
    assert "| residual_student | ours |" in page
    assert "| 1 x 0.01 (24 px, " in page
