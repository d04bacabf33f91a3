"""Softmax with temperature."""

import numpy as np
from numpy.typing import NDArray


def softmax(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Return calibrated probabilities.

    Args:
        logits: float (n, classes).
        temperature: Divisor of the logits, greater than 0 (Guo et al. 2017,
            https://arxiv.org/abs/1706.04599).

    Returns:
        float64 (n, classes), range [0, 1], rows sum to 1; a row with a non-finite logit is NaN.
    """
    scaled = logits.astype(np.float64) / temperature
    with np.errstate(invalid="ignore"):
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)
