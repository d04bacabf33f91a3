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
    evaluate_votes,
    even,
    fit_offsets,
    fit_weights,
    moved,
)

TRUTH = (np.arange(700) % 7).astype(np.uint8)


def member(skill: float, seed: int) -> NDArray[np.float64]:
    """Return answers that are right in about `skill` of the cases, each independently."""
    rng = np.random.default_rng(seed)
    answered = np.where(rng.random(len(TRUTH)) < skill, TRUTH, rng.integers(0, 7, len(TRUTH)))
    return np.full((len(TRUTH), 7), 0.05) + 0.65 * np.eye(7)[answered]


def accuracy(ensemble: Ensemble, answers: list[NDArray[np.float64]]) -> float:
    return float((ensemble.vote(answers).argmax(axis=1) == TRUTH).mean())


def test_vote_is_the_weighted_mean_of_probabilities() -> None:
    answers = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]), np.array([[0.5, 0.5]])]
    np.testing.assert_allclose(even([0, 1]).vote(answers), [[0.5, 0.5]])
    np.testing.assert_allclose(Ensemble((0, 2), (0.25, 0.75)).vote(answers), [[0.625, 0.375]])


def test_the_best_members_are_found_among_bad_ones() -> None:
    skills = (0.2, 0.6, 0.1, 0.65, 0.6)
    answers = [member(skill, seed) for seed, skill in enumerate(skills)]
    assert choose_members(answers, TRUTH, 3).members == (1, 3, 4)
    assert choose_members(answers, TRUTH, 1).members == (3,)
    assert accuracy(choose_members(answers, TRUTH, 3), answers) > 0.7


def test_many_members_are_added_one_by_one() -> None:
    answers = [member(0.1 if seed % 3 else 0.6, seed) for seed in range(15)]
    assert choose_members(answers, TRUTH, 5).members == (0, 3, 6, 9, 12)


def test_weights_prefer_the_skilled_and_sum_to_one() -> None:
    answers = [member(0.1, 0), member(0.7, 1), member(0.4, 2)]
    weighted = fit_weights(answers, TRUTH)
    assert sum(weighted.weights) == pytest.approx(1)
    assert weighted.weights[1] > weighted.weights[2] > weighted.weights[0] - 1e-9
    assert accuracy(weighted, answers) >= accuracy(even([0, 1, 2]), answers)


def test_offsets_take_back_a_class_that_is_named_too_often() -> None:
    right = member(0.8, 0)
    leaning = softmax(np.log(right).astype(np.float32) + np.array([3.5, 0, 0, 0, 0, 0, 0]), 1.0)
    (mended,) = moved([leaning], [fit_offsets(leaning, TRUTH)])
    assert accuracy(even([0]), [leaning]) < accuracy(even([0]), [right]) - 0.1
    assert accuracy(even([0]), [mended]) > accuracy(even([0]), [right]) - 0.01


def test_ensemble_is_scored_on_all_and_clean_faces(small_fer2013: Fer2013) -> None:
    votes = {
        usage: np.eye(7)[small_fer2013.emotion[small_fer2013.rows(usage)]]
        for usage in (PUBLIC_TEST, PRIVATE_TEST)
    }
    result = evaluate_votes(votes, small_fer2013, [PRIVATE_TEST])
    assert (result.all.accuracy, result.deduplicated.accuracy) == (1, 1)
    assert (result.all.n, result.deduplicated.n) == (35, 34)
    assert evaluate_votes(votes, small_fer2013, [PRIVATE_TEST, PUBLIC_TEST]).all.accuracy == 1


@pytest.mark.parametrize(
    "words", [[], ["--members", "1"], ["--weighted", "--offsets", "--views", "mirrored"]]
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
    assert "(alone 100.00% of clean PublicTest)" in done.stdout
    assert "PrivateTest" in done.stdout
    assert done.stdout.count("tiny-") == (1 if "--members" in words else 2)


def test_page_tells_members_and_every_split(
    small_fer2013: Fer2013, golden: Path, tmp_path: Path
) -> None:
    save(small_fer2013, tmp_path / "data.npz")
    models = [str(golden / name) for name in ("tiny-int8.tflite", "tiny-float32.tflite")]
    page = tmp_path / "ensemble.md"
    words = ["--data", str(tmp_path / "data.npz"), "--views", "augmented", "--page", str(page)]
    done = CliRunner().invoke(main, ["ensemble", *models, *words])
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert "a plain vote, 2 of 2 networks asked, each about twelve views of the face" in text
    assert "| PrivateTest, clean | 34 | 100.00 |" in text
    assert "| PublicTest + PrivateTest, all | 70 |" in text
    assert text.count("| 0.500 | golden/tiny-") == 2
    assert page.with_suffix(".png").exists()


def test_more_members_than_models_is_wrong_usage(golden: Path) -> None:
    model = str(golden / "tiny-int8.tflite")
    assert CliRunner().invoke(main, ["ensemble", model, "--members", "2"]).exit_code == 2
