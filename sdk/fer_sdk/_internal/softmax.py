"""Logits to probabilities, the same everywhere."""

import numpy as np
from numpy.typing import NDArray


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float64]:
    """Return calibrated probabilities.

    Args:
        logits: float32 (n, classes).
        temperature: Above 0; divides the logits (Guo et al. 2017,
            https://arxiv.org/abs/1706.04599).

    Returns:
        float64 (n, classes), each row sums to 1, or is NaN where a logit is not finite.
    """
    scaled = logits.astype(np.float64) / temperature
    with np.errstate(invalid="ignore"):
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)
