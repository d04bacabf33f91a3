"""Several models asked together: soft vote, the best few of many, weights.

Members, their number and their weights are chosen on clean PublicTest; PrivateTest is only read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.softmax import softmax
from fer_sdk.evaluation.fer2013 import PUBLIC_TEST, Fer2013
from fer_sdk.evaluation.splits import SplitScores, evaluate_split
from fer_sdk.labels import FER2013_LABELS
from fer_train.evaluation import calibration, prediction_cache
from fer_train.evaluation.prediction_cache import Views

EXHAUSTIVE_UP_TO: Final = 12
"""Members of which every subset is tried; of more, the best are added one by one."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A soft vote over some of the members.

    Attributes:
        members: Positions of those that vote.
        weights: Their weights, sum 1.
    """

    members: tuple[int, ...]
    weights: tuple[float, ...]

    def vote(self, answers: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the weighted mean of the members' probabilities, each float64 (n, classes)."""
        chosen = np.stack([answers[member] for member in self.members])
        return np.asarray(np.tensordot(np.array(self.weights), chosen, axes=1), np.float64)


def ask(
    models: Sequence[Path],
    data: Fer2013,
    usage: int,
    *,
    views: Views = "face",
    kept: Path | None = None,
    report: Callable[[int], None] = lambda models: None,
) -> list[NDArray[np.float64]]:
    """Ask every model about one split.

    Args:
        models: .keras, .tflite or .onnx files with sidecars, or ballots of such.
        data: FER2013.
        usage: `fer_sdk.evaluation.fer2013.PUBLIC_TEST` or `PRIVATE_TEST`.
        views: Of each face.
        kept: Folder of answers that need not be asked again; new ones are added.
        report: Told about every model.

    Returns:
        Probabilities, float64 (n, 7), one array a model.

    Raises:
        FerError: If a bundle or ballot is damaged or its labels are not FER2013's.
    """
    answers = []
    for model in models:
        if model.suffix == prediction_cache.SUFFIX:
            answers.append(prediction_cache.load(model, data, views).answers[usage])
        else:
            answers.append(prediction_cache.ask(model, data.pixels[data.rows(usage)], views, kept))
        report(1)
    return answers


def even(members: Sequence[int]) -> Ensemble:
    """Return the plain soft vote of some members."""
    return Ensemble(tuple(members), (1 / len(members),) * len(members))


def choose_members(
    answers: Sequence[NDArray[np.float64]], truth: NDArray[np.uint8], size: int
) -> Ensemble:
    """Find the `size` members whose plain soft vote is right most often.

    Args:
        answers: Probabilities on clean PublicTest, one array a member.
        truth: Class numbers (n,).
        size: How many members may vote, 1 to len(answers).
    """
    everyone = range(len(answers))
    if len(answers) <= EXHAUSTIVE_UP_TO:
        return max(
            (even(chosen) for chosen in combinations(everyone, size)),
            key=lambda ensemble: _accuracy(ensemble, answers, truth),
        )
    chosen: list[int] = []
    while len(chosen) < size:
        candidates = [even([*chosen, member]) for member in everyone if member not in chosen]
        best = max(candidates, key=lambda ensemble: _accuracy(ensemble, answers, truth))
        chosen = list(best.members)
    return even(sorted(chosen))


def fit_weights(
    answers: Sequence[NDArray[np.float64]], truth: NDArray[np.uint8], rounds: int = 200
) -> Ensemble:
    """Find the weights of all members that make the truth most probable.

    Expectation-maximisation for the weights of a mixture (Dempster et al. 1977,
    https://doi.org/10.1111/j.2517-6161.1977.tb01600.x): each round shares every face among the
    members by how probable each made its true class.

    Args:
        answers: Probabilities on clean PublicTest, one array a member.
        truth: Class numbers (n,).
        rounds: Of the iteration, which converges from the plain vote.
    """
    of_truth = np.stack([answer[np.arange(len(truth)), truth] for answer in answers], axis=1)
    weights = np.full(len(answers), 1 / len(answers))
    for _ in range(rounds):
        shares = np.maximum(of_truth * weights, 1e-12)
        weights = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
    return Ensemble(tuple(range(len(answers))), tuple((weights / weights.sum()).tolist()))


def fit_offsets(answer: NDArray[np.float64], truth: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Find what to add to the logits of a member, as `fer_train.evaluation.calibration` finds it.

    Args:
        answer: Its probabilities on clean PublicTest, (n, 7).
        truth: Class numbers (n,).

    Returns:
        float32 (7,).
    """
    return calibration.fit_offsets(_logits(answer), truth)


def moved(
    answers: Sequence[NDArray[np.float64]], offsets: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.float64]]:
    """Return each member's probabilities, (n, 7), with its offsets added to its logits."""
    return [
        softmax(_logits(answer) + offset, 1.0)
        for answer, offset in zip(answers, offsets, strict=True)
    ]


def _logits(probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.log(np.maximum(probabilities, 1e-9)).astype(np.float32)


def evaluate_votes(
    votes: Mapping[int, NDArray[np.float64]], data: Fer2013, usages: Sequence[int]
) -> SplitScores:
    """Score an ensemble on all and on the clean faces of a split.

    Args:
        votes: What it answers about each of `usages`, float64 (n, 7).
        data: FER2013.
        usages: As `evaluate_split` takes them.
    """
    order = np.argsort(np.concatenate([data.rows(usage) for usage in usages]))
    together = np.concatenate([votes[usage] for usage in usages])[order]
    return evaluate_split(data, usages, lambda faces: together, FER2013_LABELS)


def deduplicated_public(data: Fer2013) -> NDArray[np.bool_]:
    """Return which of PublicTest's faces, in their order, are clean."""
    return np.asarray(~data.copied_from_training[data.rows(PUBLIC_TEST)])


def _accuracy(
    ensemble: Ensemble, answers: Sequence[NDArray[np.float64]], truth: NDArray[np.uint8]
) -> float:
    return float((ensemble.vote(answers).argmax(axis=1) == truth).mean())
