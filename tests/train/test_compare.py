from pathlib import Path

import pytest
from click.testing import CliRunner

from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.inputs.images import read_photo
from fer_train.cli.main import main
from fer_train.data.importer import save

pytestmark = pytest.mark.tensorflow
pytest.importorskip("keras", reason="training needs the extra `train`")


def fer_train(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_runs_are_compared_with_their_differing_settings(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    data = tmp_path / "data.npz"
    save(small_fer2013, data)
    folders = [tmp_path / f"seed{seed}" for seed in (0, 1)]
    for seed, folder in enumerate(folders):
        words = ("fit", "smoke", "--data", data, "--out", folder, "--seed", seed)
        assert fer_train(*words)[0] == 0
    code, stdout, _ = fer_train("compare", *folders, "--out", tmp_path / "curves.png")
    assert code == 0
    lines = stdout.splitlines()
    assert lines[1].startswith("seed0")
    assert lines[2].startswith("seed1")
    assert lines[3:] == ["seed: 0 | 1"]
    assert read_photo(tmp_path / "curves.png", convert=True).std() > 10


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    code, _, stderr = fer_train("compare", tmp_path)
    assert code == 1
    assert "is not the folder of a run" in stderr


def test_augmentations_are_drawn(small_fer2013: Fer2013, tmp_path: Path) -> None:
    data, out = tmp_path / "data.npz", tmp_path / "augmentations.png"
    save(small_fer2013, data)
    code, stdout, stderr = fer_train("show", "first-student", "--data", data, "--out", out)
    assert code == 0, stderr
    assert stdout.strip() == str(out)
    assert read_photo(out, convert=True).std() > 10
