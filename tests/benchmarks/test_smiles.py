import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.synthetic import synthetic_faces

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.prior import Prior
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.evaluation.fer2013 import Fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.preprocess import FER2013_INPUT, Affine, sample
from fer_train.data.importer import save
from research import smiles
from research.crops import cut
from research.london_smiles import SmileCounts, auc, measure_smiles
from research.smiles import OFFSETS, TIGHTER, attempts, composed, like_fer2013, main

FACES = synthetic_faces(14)[0]


def test_a_crop_of_a_photo_equals_the_crop_of_its_crop() -> None:
    photo = np.add.outer(np.arange(96) * 2, np.arange(96)).astype(np.uint8)
    place = Affine(1, 0, 24, 0, 1, 24)
    crop = sample(photo, place, FER2013_INPUT, "grey")
    tighter = cut(tighter=8)
    there = sample(photo, composed(place, tighter), FER2013_INPUT, "grey")
    np.testing.assert_array_equal(there, sample(crop, tighter, FER2013_INPUT, "grey"))


def test_faces_get_the_median_mean_and_deviation() -> None:
    training = np.stack([np.full((48, 48), 100, np.uint8), FACES[0], FACES[1]])
    levels = training.reshape(3, -1).astype(float)
    alike = like_fer2013(FACES // 4 + 90, training).reshape(14, -1).astype(float)
    np.testing.assert_allclose(alike.mean(axis=1), np.median(levels.mean(axis=1)), atol=2)
    np.testing.assert_allclose(alike.std(axis=1), np.median(levels.std(axis=1)), atol=2)


def test_an_offset_raises_only_happy(tiny_int8: Path) -> None:
    cuts = dict.fromkeys((0, *TIGHTER), FACES)
    with ExpressionClassifier.load(tiny_int8) as classifier:
        found = dict(attempts(classifier, cuts, FACES))
    assert len(found) == 3 + len(TIGHTER) + len(OFFSETS)
    before, after = found["as shipped"], found["happy + 2.5"]
    np.testing.assert_allclose(after[:, 3], before[:, 3] * np.exp(2.5))
    np.testing.assert_array_equal(np.delete(after, 3, 1), np.delete(before, 3, 1))


def test_command_writes_a_page_and_a_picture(
    small_fer2013: Fer2013,
    tiny_int8: Path,
    sample_photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smiles, "shipped_int8", lambda: [tiny_int8])
    pytest.importorskip("matplotlib", reason="drawing needs the extra `bench`")
    save(small_fer2013, tmp_path / "data.npz")
    (tmp_path / "faces").mkdir()
    for name in ("1_03.jpg", "1_08.jpg"):
        shutil.copy(sample_photo, tmp_path / "faces" / name)
    words = [str(tmp_path), "--data", str(tmp_path / "data.npz")]
    lost = CliRunner().invoke(main, [*words, "--out", str(tmp_path)])
    assert lost.exit_code == 1
    assert "cannot read people from" in lost.stderr
    people = "face_id,face_age,face_gender,face_eth\n1,36,female,white\n"
    (tmp_path / "info.csv").write_text(people)
    done = CliRunner().invoke(main, [*words, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "smiles.md").read_text()
    assert "`python -m research.smiles FOLDER` (" in text
    assert "| `tiny-int8` | **`training`** | 0.0 / 0.0 | 0.0 / 0.0 |" in text
    assert "| 0.500 |" in text
    assert "2 photos of the Face Research Lab London Set" in text
    assert "on 34 deduplicated PublicTest faces" in text
    assert "| tiny-int8 | as shipped | 50.0 |" in text
    assert read_photo(tmp_path / "smiles.png", convert=True).std() > 5


def test_smiles_are_counted_under_each_prior_by_gender(tiny_int8: Path, tmp_path: Path) -> None:
    model = tmp_path / tiny_int8.name
    model.write_bytes(tiny_int8.read_bytes())
    tiny = ModelBundle.load(tiny_int8)
    happy = FER2013_LABELS.index("happy")
    priors = {
        "everyday": Prior(tuple(1e5 * (k == happy) for k in range(7)), 1.0),
        "fer2013": tiny.prior("training"),
    }
    replace(tiny, path=model, priors=priors, default_prior="everyday").write_sidecar()
    faces = FACES[[happy, 4, 6, 4, 0, happy]]  # sad, neutral, sad, angry
    smiling = np.array([True, True, False, False, False, False])
    genders = np.array(["female", "male", "female", "male", "male", "male"])
    training, everyday = measure_smiles(model, faces, smiling, genders)
    assert (training.prior, training.default) == ("training", False)
    assert training.groups == {
        "all": SmileCounts(2, 1, 4, 1, 2),
        "female": SmileCounts(1, 1, 1, 0, 0),
        "male": SmileCounts(1, 0, 3, 1, 2),
    }
    assert (everyday.prior, everyday.default) == ("everyday", True)
    assert everyday.groups["male"] == SmileCounts(1, 1, 3, 3, 0)


def test_the_area_under_the_curve_counts_ordered_pairs() -> None:
    assert auc(np.array([0.9, 0.5]), np.array([0.5, 0.1])) == 3.5 / 4
    assert auc(np.array([0.1]), np.array([0.9])) == 0


def test_a_folder_without_photos_is_one_line(
    small_fer2013: Fer2013, tiny_int8: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="drawing needs the extra `bench`")
    save(small_fer2013, tmp_path / "data.npz")
    words = [str(tmp_path), str(tiny_int8), "--data", str(tmp_path / "data.npz")]
    done = CliRunner().invoke(main, [*words, "--out", str(tmp_path)])
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "no photos named" in line
    assert not (tmp_path / "smiles.md").exists()
