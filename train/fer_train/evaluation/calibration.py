"""What is fitted to a trained network's answers: its temperature, and offsets to its logits."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from fer_sdk._internal.softmax import softmax


def fit_temperature(logits: NDArray[np.float32], truth: NDArray[np.uint8]) -> float:
    """Find the temperature with the least cross-entropy (Guo et al. 2017).

    Args:
        logits: (n, classes).
        truth: Class numbers (n,).

    Returns:
        A temperature from 0.2 to 5, to three digits after the point.
    """
    candidates = np.round(np.geomspace(0.2, 5, 400), 3)
    rows = np.arange(len(truth))
    losses = [
        -np.log(np.maximum(softmax(logits, float(t))[rows, truth], 1e-12)).mean()
        for t in candidates
    ]
    return float(candidates[int(np.argmin(losses))])


def fit_offsets(logits: NDArray[np.float32], truth: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Find what to add to each class's logit for the least cross-entropy.

    Targets that hold FER+'s votes teach its frequencies too, in which neutral is twice as common
    as by FER2013's labels. The offsets take that back; they are Guo et al.'s vector scaling with
    one scale for all classes, and are found together with that scale.

    Args:
        logits: (n, classes).
        truth: Class numbers (n,).

    Returns:
        float32 (classes,), mean 0.
    """
    z, classes = logits.astype(np.float64), logits.shape[1]
    certain = np.eye(classes)[truth]

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scale, offsets = point[0], point[1:]
        scaled = scale * (z + offsets)
        scaled -= scaled.max(axis=1, keepdims=True)
        log_p = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        wrong = (np.exp(log_p) - certain) / len(truth)
        slope = np.concatenate([[(wrong * (z + offsets)).sum()], scale * wrong.sum(axis=0)])
        return -float((certain * log_p).sum() / len(truth)), slope

    # Offsets far beyond the logits' own spread would only name the most frequent class.
    limit = float(3 * z.std() + 1)
    bounds = [(0.05, 20.0), *[(-limit, limit)] * classes]
    found = minimize(
        loss, np.concatenate([[1.0], np.zeros(classes)]), jac=True, method="L-BFGS-B", bounds=bounds
    )
    return np.asarray(found.x[1:] - found.x[1:].mean(), np.float32)


def with_offsets_by_halves(
    logits: NDArray[np.float32], truth: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Return logits with offsets that were fitted on the other half of the faces.

    So that offsets are judged on faces that did not make them; rows take turns.
    """
    result: NDArray[np.float32] = logits.copy()
    for half in (slice(0, None, 2), slice(1, None, 2)):
        other = slice(1 - half.start, None, 2)
        result[half] += fit_offsets(logits[other], truth[other])
    return result
