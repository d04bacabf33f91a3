"""Fitting class priors (`fer_sdk.bundles.prior`) on labelled faces of the place of use.

`balanced`: a scale and one offset for each label, by cross-entropy with every label of `SCORED`
weighted alike; the offsets of other labels are held near 0. `everyday`: the balanced logits plus
the logarithm of each label's share, its frequency among the faces to the power of `EXPONENT`,
normalized; the temperature is fitted anew by cross-entropy.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.prior import BALANCED, Prior, for_shares
from fer_sdk.errors import InputError
from fer_sdk.evaluation.pack_scores import SCORED

EVERYDAY: Final = "everyday"
EXPONENT: Final = 0.4
"""With 0 all labels would be equally frequent; with 1 the rare ones would hardly be predicted.
Chosen on the split `fit` of press photos: .5 is right about .3 to .6 points more of the faces,
but its mean recall of the five labels is 2 points lower."""
FEWEST: Final = 3
"""A label with fewer faces counts as having so many: no share is 0."""
_PENALTY: Final = 1e-2


def fit_priors(
    logits: NDArray[np.float64], truth: NDArray[np.str_], labels: tuple[str, ...]
) -> dict[str, Prior]:
    """Fit the priors of one network.

    Args:
        logits: float64 (n, len(labels)).
        truth: Label of each face (n,); those outside `SCORED` only count as frequencies.
        labels: Those of the network, in the order of its logits.

    Returns:
        `everyday` and `balanced`.

    Raises:
        InputError: If a label of `SCORED` has no face, or the network lacks it.
    """
    missing = [name for name in SCORED if name not in labels or name not in truth]
    if missing:
        raise InputError(
            f"priors need faces of {', '.join(SCORED)} and a model with these labels: "
            f"{missing[0]} is missing"
        )
    rows = np.flatnonzero(np.isin(truth, SCORED))
    numbers = np.array([labels.index(name) for name in truth[rows]])
    counts = np.bincount(numbers, minlength=len(labels))
    scale, shifts = _fit_scale_and_offsets(logits[rows], numbers, 1 / counts[numbers])
    balanced = Prior(tuple(shifts / scale), 1 / scale)
    frequency = np.array([(truth == name).sum() for name in labels])
    shares = np.maximum(frequency, FEWEST) ** EXPONENT
    everyday = for_shares(balanced, labels, dict(zip(labels, shares.tolist(), strict=True)))
    moved = logits[rows] + np.array(everyday.offsets)
    candidates = np.geomspace(0.2, 5, 400)
    losses = [
        -np.log(np.maximum(softmax(moved, float(t))[np.arange(len(rows)), numbers], 1e-12)).mean()
        for t in candidates
    ]
    everyday = replace(everyday, temperature=float(candidates[int(np.argmin(losses))]))
    return {EVERYDAY: _rounded(everyday), BALANCED: _rounded(balanced)}


def _fit_scale_and_offsets(
    logits: NDArray[np.float64], truth: NDArray[np.intp], weights: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    weights = weights / weights.sum()
    certain = np.eye(logits.shape[1])[truth]

    def loss(point: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scaled = point[0] * logits + point[1:]
        scaled -= scaled.max(axis=1, keepdims=True)
        log_p = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        wrong = (np.exp(log_p) - certain) * weights[:, None]
        value = -(weights * (certain * log_p).sum(axis=1)).sum() + _PENALTY * (point[1:] ** 2).sum()
        slope = [[(wrong * logits).sum()], wrong.sum(axis=0) + 2 * _PENALTY * point[1:]]
        return float(value), np.concatenate(slope)

    start = np.concatenate([[1.0], np.zeros(logits.shape[1])])
    bounds = [(0.05, 20.0), *[(None, None)] * logits.shape[1]]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(found[0]), np.asarray(found[1:] - found[1:].mean(), np.float64)


def _rounded(prior: Prior) -> Prior:
    return Prior(tuple(round(x, 3) for x in prior.offsets), round(prior.temperature, 3))
