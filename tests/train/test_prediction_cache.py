from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tests.synthetic import synthetic_faces

from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import PRIVATE_TEST, PUBLIC_TEST, Fer2013
from fer_train.cli.main import main
from fer_train.data.deterministic_augmentations import augment_at_test_time
from fer_train.data.importer import save
from fer_train.evaluation import prediction_cache
from fer_train.evaluation.inference import open_model
from research.ensemble_page import main as ensemble_page


def test_predictions_are_averaged_over_augmentations_and_cached(
    golden: Path, tmp_path: Path
) -> None:
    model, faces = golden / "tiny-float32.tflite", synthetic_faces(6)[0]
    with open_model(model) as (_, predict):
        expected = np.mean([predict(each) for each in augment_at_test_time(faces)], axis=0)
        face, mirror = predict(faces), predict(faces[:, :, ::-1].copy())
    predictions = prediction_cache.predict_with_tta(model, faces, "augmented", tmp_path)
    np.testing.assert_allclose(predictions, expected)
    mirrored = prediction_cache.predict_with_tta(model, faces, "mirrored")
    np.testing.assert_allclose(mirrored, (face + mirror) / 2)

    cached = sorted(tmp_path.glob("*.npy"))
    assert len(cached) == 12
    for path in cached:
        np.save(path, np.load(path) + 1)
    again = prediction_cache.predict_with_tta(model, faces, "augmented", tmp_path)
    np.testing.assert_allclose(again, predictions + 1, rtol=1e-6)


def test_a_predictions_file_replaces_its_model(
    small_fer2013: Fer2013, golden: Path, tmp_path: Path
) -> None:
    save(small_fer2013, tmp_path / "data.npz")
    common = ["--data", str(tmp_path / "data.npz"), "--tta", "mirrored"]
    model, folder = str(golden / "tiny-int8.tflite"), tmp_path / "predictions"
    words = ["ensemble", model, *common, "--save-predictions", str(folder)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    again = CliRunner().invoke(main, words)
    assert again.exit_code == 1
    assert "--overwrite" in again.output
    assert CliRunner().invoke(main, [*words, "--overwrite"]).exit_code == 0
    (path,) = folder.iterdir()
    predictions = prediction_cache.load(path, small_fer2013, "mirrored")
    assert predictions.model == prediction_cache.model_reference(Path(model))
    for usage in (PUBLIC_TEST, PRIVATE_TEST):
        faces = small_fer2013.pixels[small_fer2013.rows(usage)]
        expected = prediction_cache.predict_with_tta(Path(model), faces, "mirrored")
        np.testing.assert_allclose(predictions.probabilities[usage], expected, atol=1e-3)

    page = tmp_path / "page.md"
    done = CliRunner().invoke(ensemble_page, [model, str(path), *common, "--out", str(page)])
    assert done.exit_code == 0, done.output
    assert page.read_text().count("| 0.500 | golden/tiny-int8.tflite |") == 2


@pytest.mark.parametrize("damage", ["tta", "data", "bytes", "missing"])
def test_a_wrong_or_damaged_predictions_file_is_refused(
    damage: str, small_fer2013: Fer2013, golden: Path, tmp_path: Path
) -> None:
    path = tmp_path / "predictions.npz"
    model = golden / "tiny-int8.tflite"
    predictions = prediction_cache.predict_test_splits(model, small_fer2013, "none")
    if damage == "data":
        predictions = replace(predictions, data="f" * 64)
    prediction_cache.save(predictions, path)
    if damage == "bytes":
        path.write_bytes(path.read_bytes()[:-80])
    if damage == "missing":
        path.unlink()
    message = {
        "tta": "made with --tta none, but got --tta mirrored", "data": "f" * 12,
        "bytes": "not a readable", "missing": "no predictions file at",
    }  # fmt: skip
    with pytest.raises(InputError, match=message[damage]):
        prediction_cache.load(path, small_fer2013, "mirrored" if damage == "tta" else "none")
