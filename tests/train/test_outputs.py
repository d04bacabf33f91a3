"""No command of `fer-train` writes over what it reads."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.synthetic import write_csv

from fer_sdk import InputError
from fer_sdk.bundles.registry import DEFAULT_TRAINED
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_train.cli.main import main
from fer_train.data.importer import save


@pytest.fixture
def folder(small_fer2013: Fer2013, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: data in each form, a model in two folders, a run, links to them."""
    save(small_fer2013, tmp_path / "data.npz")
    write_csv(small_fer2013, tmp_path / "fer.csv")
    np.savez(tmp_path / "pack.npz", a=np.zeros(1))
    for name in ("one/a", "two/a"):
        (tmp_path / name).mkdir(parents=True)
        for suffix in (".keras", ".keras.json"):
            shutil.copy(f"{DEFAULT_TRAINED.with_suffix('')}{suffix}", tmp_path / name)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.json").write_text("{}")
    (tmp_path / "link.npz").symlink_to(tmp_path / "data.npz")
    (tmp_path / "scores.json").symlink_to(tmp_path / "data.npz")
    (tmp_path / "checkpoint.npz").symlink_to(tmp_path / "data.npz")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "import fer.csv --partial --out fer.csv --overwrite",
        "import fer.csv --partial --ferplus data.npz --out link.npz --overwrite",
        "import-faces pack.npz --license x --data data.npz --out pack.npz --overwrite",
        "import-faces pack.npz --license x --data data.npz --out link.npz --overwrite",
        "soft-labels one/a/small.keras --data data.npz --out data.npz --overwrite",
        "soft-labels one/a/small.keras --data data.npz --out one/a/small.keras --overwrite",
        "soft-labels one/a/small.keras --data data.npz --out one/a/small.keras.json --overwrite",
        "show simple-cnn --data data.npz --out data.npz",
        "compare run --out run/recipe.json",
        "evaluate one/a/small.keras --data data.npz --out .",
        "fit simple-cnn --data data.npz --out .",
        "distill small link.npz --data data.npz --out .",
        "qat one/a/small.keras checkpoint.npz --data data.npz --out .",
    ],
)
def test_an_output_that_is_an_input_is_refused(words: str, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = CliRunner().invoke(main, words.split())
    assert done.exit_code == 1, done.output
    assert "which this command reads" in done.output
    assert len(done.output.splitlines()) == 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_two_predictions_files_of_one_name_are_refused(folder: Path) -> None:
    words = "ensemble one/a/small.keras two/a/small.keras --data data.npz --save-predictions out"
    done = CliRunner().invoke(main, words.split())
    assert done.exit_code == 1
    assert "are the same file" in done.output
    assert not (folder / "out").exists()


def test_a_plot_with_an_unknown_suffix_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="plots of training need the extra `train`")
    from fer_train.evaluation.plots import draw_comparison

    with pytest.raises(InputError, match=r"plot\.xyz must end in \.png, \.svg, \.pdf"):
        draw_comparison([], tmp_path / "plot.xyz")
    assert list(tmp_path.iterdir()) == []
