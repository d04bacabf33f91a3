"""Calibration of trained networks: the softmax temperature, and offsets to the logits."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from fer_sdk._internal.softmax import softmax


def fit_temperature(logits: NDArray[np.float32], truth: NDArray[np.uint8]) -> float:
    """Find the temperature with the lowest cross-entropy (Guo et al. 2017).

    Args:
        logits: (n, classes).
        truth: Class numbers (n,).

    Returns:
        Temperature from 0.2 to 5, rounded to three decimals.
    """
    candidates = np.round(np.geomspace(0.2, 5, 400), 3)
    rows = np.arange(len(truth))
    losses = [
        -np.log(np.maximum(softmax(logits, float(t))[rows, truth], 1e-12)).mean()
        for t in candidates
    ]
    return float(candidates[int(np.argmin(losses))])


def fit_offsets(logits: NDArray[np.float32], truth: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Find one offset per class to add to the logits for the lowest cross-entropy.

    A network trained on FER+ votes also learns their class frequencies, in which neutral is twice
    as common as in FER2013's labels. The offsets correct that. The method is vector scaling (Guo
    et al. 2017) with one scale for all classes; scale and offsets are fitted together, and only
    the offsets are returned.

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

    # Offsets far beyond the spread of the logits would always predict the most frequent class.
    limit = float(3 * z.std() + 1)
    bounds = [(0.05, 20.0), *[(-limit, limit)] * classes]
    found = minimize(
        loss, np.concatenate([[1.0], np.zeros(classes)]), jac=True, method="L-BFGS-B", bounds=bounds
    )
    return np.asarray(found.x[1:] - found.x[1:].mean(), np.float32)


def with_offsets_by_halves(
    logits: NDArray[np.float32], truth: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """Add offsets to each half of the logits that were fitted on the other half.

    Two-fold cross-validation: no face is scored with offsets that were fitted on it. Even rows form
    one half, odd rows the other.

    Args:
        logits: (n, classes).
        truth: Class numbers (n,).

    Returns:
        float32 (n, classes).
    """
    result: NDArray[np.float32] = logits.copy()
    for half in (slice(0, None, 2), slice(1, None, 2)):
        other = slice(1 - half.start, None, 2)
        result[half] += fit_offsets(logits[other], truth[other])
    return result
