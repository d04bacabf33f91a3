"""Scores of answers by each protocol, with the bins that a reliability plot shows."""

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.datasets import Faces, Protocol
from fer_bench.results.schema import Accuracy, ReliabilityBin
from fer_sdk.errors import InputError
from fer_sdk.evaluation.metrics import CALIBRATION_BINS, score


def score_answers(
    faces: Faces, available: Faces, probabilities: NDArray[np.float64], labels: tuple[str, ...]
) -> tuple[Accuracy, ...]:
    """Score a model by every protocol of the faces that asks for its labels.

    Args:
        faces: What the model saw: all of `available`, or a sample of it.
        available: What there was to see.
        probabilities: The answers, float64 (n, labels).
        labels: The model's labels, in any order.

    Returns:
        By protocol; empty if the model lacks a label that each of them needs, or has others.

    Raises:
        InputError: If every face of a protocol is also in Training.
    """
    return tuple(
        _score(protocol, whole, probabilities, labels)
        for protocol, whole in zip(faces.protocols, available.protocols, strict=True)
        if set(protocol.labels) - set(protocol.optional) <= set(labels) <= set(protocol.labels)
    )


def _score(
    protocol: Protocol,
    whole: Protocol,
    probabilities: NDArray[np.float64],
    labels: tuple[str, ...],
) -> Accuracy:
    number = np.array([labels.index(n) if n in labels else -1 for n in protocol.labels])
    truth = number[protocol.truth]
    known = truth >= 0
    rows, truth = protocol.rows[known], truth[known]
    deduplicated = None if protocol.deduplicated is None else protocol.deduplicated[known]
    answers = probabilities[rows]
    trusted = np.ones(len(truth), bool) if deduplicated is None else deduplicated
    if not trusted.any():
        raise InputError(f"there is no {protocol.name} face that is not also in Training")
    name = protocol.name
    if protocol.optional:
        name += f", {len(labels)}-class"
    return Accuracy(
        protocol=name,
        available=int((number[whole.truth] >= 0).sum()),
        all=score(truth, answers, labels),
        deduplicated=None
        if deduplicated is None
        else score(truth[deduplicated], answers[deduplicated], labels),
        reliability=reliability(truth[trusted], answers[trusted]),
    )


def reliability(
    truth: NDArray[np.integer], probabilities: NDArray[np.float64]
) -> tuple[ReliabilityBin, ...]:
    """Return confidence and accuracy in 15 equal bins of confidence.

    Args:
        truth: Class numbers (n,).
        probabilities: (n, classes).
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bin_of = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    bins = []
    for number in range(CALIBRATION_BINS):
        inside = bin_of == number
        bins.append(
            ReliabilityBin(
                faces=int(inside.sum()),
                confidence=float(confidence[inside].mean()) if inside.any() else 0.0,
                accuracy=float(right[inside].mean()) if inside.any() else 0.0,
            )
        )
    return tuple(bins)
