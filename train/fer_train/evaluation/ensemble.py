"""Soft-voting ensembles: the weighted mean of several models' probabilities.

Members and weights are selected on deduplicated PublicTest. PrivateTest is only evaluated.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.softmax import softmax
from fer_sdk.evaluation.fer2013 import PRIVATE_TEST, PUBLIC_TEST, SPLITS, Fer2013
from fer_sdk.evaluation.splits import SplitScores, evaluate_split
from fer_sdk.labels import FER2013_LABELS
from fer_train.evaluation import calibration, prediction_cache
from fer_train.evaluation.prediction_cache import Tta

EXHAUSTIVE_UP_TO: Final = 12
"""Up to this many models every subset is tried; of more, members are added greedily."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Selected members and their weights.

    Attributes:
        members: Positions of the members among the candidates.
        weights: Weights of the members; they sum to 1.
    """

    members: tuple[int, ...]
    weights: tuple[float, ...]

    def predict(self, predictions: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the weighted mean of the members' probabilities.

        Args:
            predictions: Probabilities of all candidates, float64 (n, classes) each.

        Returns:
            float64 (n, classes).
        """
        chosen = np.stack([predictions[member] for member in self.members])
        return np.asarray(np.tensordot(np.array(self.weights), chosen, axes=1), np.float64)


@dataclass(frozen=True, slots=True)
class Member:
    """One model of an evaluated ensemble.

    Attributes:
        model: Model file or predictions file.
        weight: Its weight.
        accuracy: Its own accuracy on deduplicated PublicTest, 0 to 1.
    """

    model: Path
    weight: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class EnsembleScores:
    """An evaluated ensemble.

    Attributes:
        members: Selected models.
        scores: Scores by split: the names of `fer_sdk.evaluation.fer2013.SPLITS`.
    """

    members: tuple[Member, ...]
    scores: dict[str, SplitScores]


def evaluate_ensemble(
    models: Sequence[Path],
    data: Fer2013,
    splits: Sequence[str],
    *,
    size: int | None = None,
    weighted: bool = False,
    offsets: bool = False,
    tta: Tta = "none",
    cache: Path | None = None,
    report: Callable[[int], None] = lambda models: None,
) -> EnsembleScores:
    """Select an ensemble on deduplicated PublicTest and evaluate it.

    Args:
        models: .keras, .tflite or .onnx files with sidecars, or predictions files.
        data: FER2013.
        splits: Names of `fer_sdk.evaluation.fer2013.SPLITS`. PrivateTest is predicted only for a
            split that contains it.
        size: Number of members with equal weights; None for all models.
        weighted: Fit weights of all models instead.
        offsets: Add offsets to each model's logits, fitted on deduplicated PublicTest.
        tta: Test-time augmentations.
        cache: Cache folder; None always runs the models.
        report: Called with 1 after each model and split.

    Raises:
        FerError: If a bundle or predictions file is damaged or its labels are not FER2013's.
    """

    def predict(chosen: Sequence[Path], usage: int) -> list[NDArray[np.float64]]:
        predictions = []
        for model in chosen:
            predictions.append(_predict(model, data, usage, tta, cache))
            report(1)
        return predictions

    public = predict(models, PUBLIC_TEST)
    deduplicated = ~data.copied_from_training[data.rows(PUBLIC_TEST)]
    truth = data.emotion[data.rows(PUBLIC_TEST)][deduplicated]
    shifts: list[NDArray[np.float32]] = []
    if offsets:
        shifts = [fit_offsets(each[deduplicated], truth) for each in public]
        public = with_offsets(public, shifts)
    validation = [each[deduplicated] for each in public]
    ensemble = (
        fit_weights(validation, truth)
        if weighted
        else choose_members(validation, truth, size or len(models))
    )
    members = tuple(
        Member(models[number], weight, _accuracy(equal_weights([number]), validation, truth))
        for number, weight in zip(ensemble.members, ensemble.weights, strict=True)
    )
    predictions = {PUBLIC_TEST: ensemble.predict(public)}
    if any(PRIVATE_TEST in SPLITS[name] for name in splits):
        private = predict([member.model for member in members], PRIVATE_TEST)
        if offsets:
            private = with_offsets(private, [shifts[number] for number in ensemble.members])
        selected = Ensemble(tuple(range(len(members))), ensemble.weights)
        predictions[PRIVATE_TEST] = selected.predict(private)
    scores = {name: evaluate_predictions(predictions, data, SPLITS[name]) for name in splits}
    return EnsembleScores(members, scores)


def _predict(
    model: Path, data: Fer2013, usage: int, tta: Tta, cache: Path | None
) -> NDArray[np.float64]:
    """Return a model's probabilities for one split, float64 (n, 7)."""
    if model.suffix == prediction_cache.SUFFIX:
        return prediction_cache.load(model, data, tta).probabilities[usage]
    return prediction_cache.predict_with_tta(model, data.pixels[data.rows(usage)], tta, cache)


def equal_weights(members: Sequence[int]) -> Ensemble:
    """Return the ensemble of some members with equal weights."""
    return Ensemble(tuple(members), (1 / len(members),) * len(members))


def choose_members(
    predictions: Sequence[NDArray[np.float64]], truth: NDArray[np.uint8], size: int
) -> Ensemble:
    """Find the `size` members whose equally weighted ensemble has the highest accuracy.

    Args:
        predictions: Probabilities of each candidate for deduplicated PublicTest, (n, 7).
        truth: Class numbers (n,).
        size: Number of members, 1 to len(predictions).
    """
    candidates = range(len(predictions))
    if len(predictions) <= EXHAUSTIVE_UP_TO:
        return max(
            (equal_weights(chosen) for chosen in combinations(candidates, size)),
            key=lambda ensemble: _accuracy(ensemble, predictions, truth),
        )
    chosen: list[int] = []
    while len(chosen) < size:
        larger = [equal_weights([*chosen, each]) for each in candidates if each not in chosen]
        best = max(larger, key=lambda ensemble: _accuracy(ensemble, predictions, truth))
        chosen = list(best.members)
    return equal_weights(sorted(chosen))


def fit_weights(
    predictions: Sequence[NDArray[np.float64]], truth: NDArray[np.uint8], rounds: int = 200
) -> Ensemble:
    """Fit the weights of all candidates by maximum likelihood.

    Expectation-maximisation for the weights of a mixture (Dempster et al. 1977,
    https://doi.org/10.1111/j.2517-6161.1977.tb01600.x): each round divides every face among the
    members in proportion to weight x probability of the true class.

    Args:
        predictions: Probabilities of each candidate for deduplicated PublicTest, (n, 7).
        truth: Class numbers (n,).
        rounds: Iterations, starting from equal weights.
    """
    of_truth = np.stack([each[np.arange(len(truth)), truth] for each in predictions], axis=1)
    weights = np.full(len(predictions), 1 / len(predictions))
    for _ in range(rounds):
        shares = np.maximum(of_truth * weights, 1e-12)
        weights = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
    return Ensemble(tuple(range(len(predictions))), tuple((weights / weights.sum()).tolist()))


def fit_offsets(
    probabilities: NDArray[np.float64], truth: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Fit offsets to a model's logits by `fer_train.evaluation.calibration.fit_offsets`.

    Args:
        probabilities: Of the model for deduplicated PublicTest, (n, 7).
        truth: Class numbers (n,).

    Returns:
        float32 (7,).
    """
    return calibration.fit_offsets(_logits(probabilities), truth)


def with_offsets(
    predictions: Sequence[NDArray[np.float64]], offsets: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float64]]:
    """Return each model's probabilities, (n, 7), after adding its offsets to its logits."""
    return [
        softmax(_logits(each) + offset, 1.0)
        for each, offset in zip(predictions, offsets, strict=True)
    ]


def evaluate_predictions(
    predictions: dict[int, NDArray[np.float64]], data: Fer2013, usages: Sequence[int]
) -> SplitScores:
    """Score predictions on all and on the deduplicated faces of a split.

    Args:
        predictions: Probabilities, float64 (n, 7), for each of `usages`.
        data: FER2013.
        usages: As in `evaluate_split`.
    """
    order = np.argsort(np.concatenate([data.rows(usage) for usage in usages]))
    together = np.concatenate([predictions[usage] for usage in usages])[order]
    return evaluate_split(data, usages, lambda faces: together, FER2013_LABELS)


def _logits(probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.log(np.maximum(probabilities, 1e-9)).astype(np.float32)


def _accuracy(
    ensemble: Ensemble, predictions: Sequence[NDArray[np.float64]], truth: NDArray[np.uint8]
) -> float:
    return float((ensemble.predict(predictions).argmax(axis=1) == truth).mean())
