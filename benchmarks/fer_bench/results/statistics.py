"""How far a time can be trusted: an interval over the rounds, and what to warn of."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.schema import Latency

AGREES_WITHIN: Final = 0.05
"""Share of a time within which two runs agree, or the time is called unstable."""
BUSY_BELOW: Final = 0.95
"""Share of the time on a processor, under which the machine was not ours."""
RESAMPLES: Final = 4000
Statistic = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def interval_ms(latency: Latency, percent: float) -> tuple[float, float]:
    """Return the 95 % interval of a percentile, in milliseconds.

    Rounds are drawn again and again with replacement (bootstrap), since times within a round
    depend on each other.
    """
    means = _resampled(latency.by_round_ms(percent), seed=0)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def ratio(
    first: Latency, second: Latency, percent: float, *, paired: bool
) -> tuple[float, float, float]:
    """Return time of the second over that of the first, with its 95 % interval.

    Args:
        first: What is compared with.
        second: What is compared.
        percent: Percentile of each round that is compared.
        paired: Whether the two took turns in one run: a slow round then cancels out.

    Returns:
        Ratio, lower and upper end.
    """
    a, b = first.by_round_ms(percent), second.by_round_ms(percent)
    if paired and len(a) == len(b):
        ratios = _resampled(b, seed=0) / _resampled(a, seed=0)  # the same rounds of both
    else:
        ratios = _resampled(b, seed=0) / _resampled(a, seed=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(b.mean() / a.mean()), float(low), float(high)


def warnings(latency: Latency, percent: float = 50) -> tuple[str, ...]:
    """Return why two runs may differ by more than `AGREES_WITHIN`; empty if all is well.

    Args:
        latency: Of one model.
        percent: Percentile that is to be trusted.
    """
    values = latency.by_round_ms(percent)
    mean, name = values.mean(), f"p{percent:.0f}"
    found = []
    if values.std() > AGREES_WITHIN * mean:
        found.append(f"{name} of the rounds spreads by {values.std() / mean:.0%} of its mean")
    low, high = interval_ms(latency, percent)
    if (high - low) / 2 > AGREES_WITHIN / 2 * mean:
        found.append(f"{name} is known to within {(high - low) / 2 / mean:.1%} only")
    if latency.on_processor and (share := float(np.median(latency.on_processor))) < BUSY_BELOW:
        found.append(f"other programs took the processor for {1 - share:.0%} of the time")
    half = len(values) // 2
    if half:
        drift = values[-half:].mean() / values[:half].mean() - 1
        if abs(drift) > AGREES_WITHIN:
            found.append(f"{name} of the second half changed by {drift:+.0%}")
    return tuple(found)


def _resampled(values: NDArray[np.float64], *, seed: int) -> NDArray[np.float64]:
    """Return means of `RESAMPLES` draws with replacement, (RESAMPLES,)."""
    rng = np.random.default_rng(seed)
    return np.asarray(values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1))
