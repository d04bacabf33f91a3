"""Scores of predictions by each evaluation protocol, with the bins of a reliability diagram."""

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.datasets import Faces, Protocol
from fer_bench.results.schema import Accuracy, ReliabilityBin
from fer_sdk.errors import InputError
from fer_sdk.evaluation.metrics import CALIBRATION_BINS, score


def score_predictions(
    faces: Faces, available: Faces, probabilities: NDArray[np.float64], labels: tuple[str, ...]
) -> tuple[Accuracy, ...]:
    """Score a model by every protocol that its labels fit.

    Args:
        faces: The faces that were classified: all of `available`, or a sample of it.
        available: All faces of the data set.
        probabilities: Predicted probabilities, float64 (n, labels), range [0, 1].
        labels: The model's labels, in any order.

    Returns:
        One entry per protocol; empty if no protocol fits. A protocol fits if the model has all its
        required labels and no others.

    Raises:
        InputError: If every face of a protocol has a copy in Training.
    """
    return tuple(
        _score(protocol, complete, probabilities, labels)
        for protocol, complete in zip(faces.protocols, available.protocols, strict=True)
        if set(protocol.labels) - set(protocol.optional) <= set(labels) <= set(protocol.labels)
    )


def _score(
    protocol: Protocol,
    complete: Protocol,
    probabilities: NDArray[np.float64],
    labels: tuple[str, ...],
) -> Accuracy:
    number = np.array([labels.index(n) if n in labels else -1 for n in protocol.labels])
    truth = number[protocol.truth]
    known = truth >= 0
    rows, truth = protocol.rows[known], truth[known]
    deduplicated = None if protocol.deduplicated is None else protocol.deduplicated[known]
    predicted = probabilities[rows]
    counted = np.ones(len(truth), bool) if deduplicated is None else deduplicated
    if not counted.any():
        raise InputError(f"every {protocol.name} face has a copy in Training")
    name = protocol.name
    if protocol.optional:
        name += f", {len(labels)}-class"
    return Accuracy(
        protocol=name,
        available=int((number[complete.truth] >= 0).sum()),
        all=score(truth, predicted, labels),
        deduplicated=None
        if deduplicated is None
        else score(truth[deduplicated], predicted[deduplicated], labels),
        reliability=reliability(truth[counted], predicted[counted]),
    )


def reliability(
    truth: NDArray[np.integer], probabilities: NDArray[np.float64]
) -> tuple[ReliabilityBin, ...]:
    """Return confidence and accuracy in 15 bins of equal width over confidence.

    Args:
        truth: Class numbers, int (n,).
        probabilities: Float (n, classes), range [0, 1].
    """
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bin_of = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    bins = []
    for number in range(CALIBRATION_BINS):
        inside = bin_of == number
        bins.append(
            ReliabilityBin(
                faces=int(inside.sum()),
                confidence=float(confidence[inside].mean()) if inside.any() else 0.0,
                accuracy=float(correct[inside].mean()) if inside.any() else 0.0,
            )
        )
    return tuple(bins)
