import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from fer_sdk._internal.softmax import softmax
from fer_sdk.evaluation.fer2013 import PRIVATE_TEST, PUBLIC_TEST, Fer2013
from fer_train.cli.main import main
from fer_train.data.importer import save
from fer_train.evaluation.ensemble import (
    Ensemble,
    choose_members,
    equal_weights,
    evaluate_predictions,
    fit_offsets,
    fit_weights,
    with_offsets,
)
from research.ensemble_page import main as ensemble_page

TRUTH = (np.arange(700) % 7).astype(np.uint8)


def member(skill: float, seed: int) -> NDArray[np.float64]:
    """Return predictions that are independently correct with probability `skill`, else random."""
    rng = np.random.default_rng(seed)
    predicted = np.where(rng.random(len(TRUTH)) < skill, TRUTH, rng.integers(0, 7, len(TRUTH)))
    return np.full((len(TRUTH), 7), 0.05) + 0.65 * np.eye(7)[predicted]


def accuracy(ensemble: Ensemble, predictions: list[NDArray[np.float64]]) -> float:
    return float((ensemble.predict(predictions).argmax(axis=1) == TRUTH).mean())


def test_an_ensemble_predicts_the_weighted_mean_of_probabilities() -> None:
    predictions = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])]
    np.testing.assert_allclose(equal_weights([0, 1]).predict(predictions), [[0.5, 0.5]])
    np.testing.assert_allclose(
        Ensemble((0, 2), (0.25, 0.75)).predict(predictions), [[0.625, 0.375]]
    )


def test_the_best_members_are_selected() -> None:
    skills = (0.2, 0.6, 0.1, 0.65, 0.6)
    predictions = [member(skill, seed) for seed, skill in enumerate(skills)]
    assert choose_members(predictions, TRUTH, 3).members == (1, 3, 4)
    assert choose_members(predictions, TRUTH, 1).members == (3,)
    assert accuracy(choose_members(predictions, TRUTH, 3), predictions) > 0.7


def test_of_many_candidates_members_are_added_greedily() -> None:
    predictions = [member(0.1 if seed % 3 else 0.6, seed) for seed in range(15)]
    assert choose_members(predictions, TRUTH, 5).members == (0, 3, 6, 9, 12)


def test_weights_follow_accuracy_and_sum_to_one() -> None:
    predictions = [member(0.1, 0), member(0.7, 1), member(0.4, 2)]
    weighted = fit_weights(predictions, TRUTH)
    assert sum(weighted.weights) == pytest.approx(1)
    assert weighted.weights[1] > weighted.weights[2] > weighted.weights[0] - 1e-9
    assert accuracy(weighted, predictions) >= accuracy(equal_weights([0, 1, 2]), predictions)


def test_offsets_correct_a_class_that_is_predicted_too_often() -> None:
    right = member(0.8, 0)
    biased = softmax(np.log(right).astype(np.float32) + np.array([3.5, 0, 0, 0, 0, 0, 0]), 1.0)
    (corrected,) = with_offsets([biased], [fit_offsets(biased, TRUTH)])
    assert accuracy(equal_weights([0]), [biased]) < accuracy(equal_weights([0]), [right]) - 0.1
    assert accuracy(equal_weights([0]), [corrected]) > accuracy(equal_weights([0]), [right]) - 0.01


def test_ensemble_is_scored_on_all_and_deduplicated_faces(small_fer2013: Fer2013) -> None:
    predictions = {
        usage: np.eye(7)[small_fer2013.emotion[small_fer2013.rows(usage)]]
        for usage in (PUBLIC_TEST, PRIVATE_TEST)
    }
    result = evaluate_predictions(predictions, small_fer2013, [PRIVATE_TEST])
    assert (result.all.accuracy, result.deduplicated.accuracy) == (1, 1)
    assert (result.all.n, result.deduplicated.n) == (35, 34)
    assert (
        evaluate_predictions(predictions, small_fer2013, [PRIVATE_TEST, PUBLIC_TEST]).all.accuracy
        == 1
    )


@pytest.mark.parametrize(
    "words", [[], ["--members", "1"], ["--weighted", "--offsets", "--tta", "mirrored"]]
)
def test_command_prints_the_members_and_their_scores(
    words: list[str], small_fer2013: Fer2013, golden: Path, tmp_path: Path
) -> None:
    save(small_fer2013, tmp_path / "data.npz")
    models = []
    for name in ("tiny-int8.tflite", "tiny-float32.tflite"):
        models.append(str(tmp_path / name))
        shutil.copy(golden / name, tmp_path)
        shutil.copy(golden / f"{name}.json", tmp_path)
    common = ["ensemble", *models, "--data", str(tmp_path / "data.npz"), "--split", "private"]
    done = CliRunner().invoke(main, [*common, *words])
    assert done.exit_code == 0, done.output
    assert "(alone 100.00% of deduplicated PublicTest)" in done.stdout
    assert "PrivateTest" in done.stdout
    assert done.stdout.count("tiny-") == (1 if "--members" in words else 2)


def test_page_lists_members_and_every_split(
    small_fer2013: Fer2013, golden: Path, tmp_path: Path
) -> None:
    save(small_fer2013, tmp_path / "data.npz")
    models = [str(golden / name) for name in ("tiny-int8.tflite", "tiny-float32.tflite")]
    page = tmp_path / "ensemble.md"
    words = ["--data", str(tmp_path / "data.npz"), "--tta", "augmented", "--out", str(page)]
    done = CliRunner().invoke(ensemble_page, [*models, *words])
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert (
        "equal weights: 2 of 2 networks, each averaged over twelve test-time augmentations." in text
    )
    assert "| PrivateTest, clean | 34 | 100.00 |" in text
    assert "| PublicTest + PrivateTest, all | 70 |" in text
    assert text.count("| 0.500 | golden/tiny-") == 2
    assert page.with_suffix(".png").exists()


def test_more_members_than_models_is_wrong_usage(golden: Path) -> None:
    model = str(golden / "tiny-int8.tflite")
    for command, name in ((main, ["ensemble"]), (ensemble_page, [])):
        assert CliRunner().invoke(command, [*name, model, "--members", "2"]).exit_code == 2
    words = ["ensemble", model, "--members", "1", "--weighted"]
    assert CliRunner().invoke(main, words).exit_code == 2
