from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.synthetic import synthetic_faces

from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import PRIVATE_TEST, PUBLIC_TEST, Fer2013
from fer_train.cli.main import main
from fer_train.data.importer import save
from fer_train.data.tta import augmented
from fer_train.evaluation import prediction_cache
from fer_train.evaluation.inference import opened


def test_answers_are_the_mean_over_the_views_and_kept(golden: Path, tmp_path: Path) -> None:
    model, faces = golden / "tiny-float32.tflite", synthetic_faces(6)[0]
    with opened(model) as (_, predict):
        expected = np.mean([predict(view) for view in augmented(faces)], axis=0)
        face, mirror = predict(faces), predict(faces[:, :, ::-1].copy())
    answer = prediction_cache.ask(model, faces, "augmented", tmp_path)
    np.testing.assert_allclose(answer, expected)
    np.testing.assert_allclose(prediction_cache.ask(model, faces, "mirrored"), (face + mirror) / 2)

    kept = sorted(tmp_path.glob("*.npy"))
    assert len(kept) == 12
    for path in kept:
        np.save(path, np.load(path) + 1)
    np.testing.assert_allclose(
        prediction_cache.ask(model, faces, "augmented", tmp_path), answer + 1, rtol=1e-6
    )


def test_a_ballot_votes_in_its_networks_place(
    small_fer2013: Fer2013, golden: Path, tmp_path: Path
) -> None:
    save(small_fer2013, tmp_path / "data.npz")
    common = ["--data", str(tmp_path / "data.npz"), "--views", "mirrored"]
    model, folder = str(golden / "tiny-int8.tflite"), tmp_path / "ballots"
    done = CliRunner().invoke(main, ["ballot", model, *common, "--out", str(folder)])
    assert done.exit_code == 0, done.output
    again = CliRunner().invoke(main, ["ballot", model, *common, "--out", str(folder)])
    assert again.exit_code == 1
    assert "--overwrite" in again.output
    (path,) = folder.iterdir()
    ballot = prediction_cache.load(path, small_fer2013, "mirrored")
    assert ballot.voter == prediction_cache.voter(Path(model))
    for usage in (PUBLIC_TEST, PRIVATE_TEST):
        faces = small_fer2013.pixels[small_fer2013.rows(usage)]
        asked = prediction_cache.ask(Path(model), faces, "mirrored")
        np.testing.assert_allclose(ballot.answers[usage], asked, atol=1e-3)

    page = tmp_path / "page.md"
    words = ["ensemble", model, str(path), *common, "--page", str(page)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert page.read_text().count("| 0.500 | golden/tiny-int8.tflite |") == 2


@pytest.mark.parametrize("damage", ["views", "data", "bytes", "missing"])
def test_a_ballot_of_something_else_is_refused(
    damage: str, small_fer2013: Fer2013, golden: Path, tmp_path: Path
) -> None:
    path = tmp_path / "ballot.npz"
    ballot = prediction_cache.cast(golden / "tiny-int8.tflite", small_fer2013, "face")
    prediction_cache.save(replace(ballot, data="f" * 64) if damage == "data" else ballot, path)
    if damage == "bytes":
        path.write_bytes(path.read_bytes()[:-80])
    if damage == "missing":
        path.unlink()
    says = {"views": "--views face", "data": "f" * 12, "bytes": "no readable", "missing": "no ball"}
    with pytest.raises(InputError, match=says[damage]):
        prediction_cache.load(path, small_fer2013, "mirrored" if damage == "views" else "face")
