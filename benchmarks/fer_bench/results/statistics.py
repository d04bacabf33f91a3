"""Confidence intervals of shares; intervals, ratios and stability warnings of measured times."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.schema import Latency

STABLE_WITHIN: Final = 0.05
"""Relative spread, drift or difference up to which a time counts as stable."""
MIN_CPU_SHARE: Final = 0.95
"""Smallest median `Latency.cpu_share` at which the machine counts as idle otherwise."""
RESAMPLES: Final = 4000


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share, 0 to 1 (Wilson 1927).

    Args:
        hits: Number of cases that count, 0 to n.
        n: Number of cases, above 0.
    """
    z = 1.959964
    share, spread = hits / n, z * z / n
    center = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, (center - half) / (1 + spread)), min(1.0, (center + half) / (1 + spread))


def rate_limit(events: int, time: float) -> float:
    """Return the 95 % upper limit of a rate of independent events (Poisson; Garwood 1936).

    Args:
        events: Number of events seen.
        time: How long was looked, above 0.

    Returns:
        Events per unit of time: at this rate, so few events are seen in 5 % of all cases.
    """
    low, high = 0.0, 10.0 + 3.0 * events
    while high - low > 1e-9:
        mean = (low + high) / 2
        probability = sum(
            math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(events + 1)
        )
        low, high = (mean, high) if probability > 0.05 else (low, mean)
    return high / time


def interval_ms(latency: Latency, percent: float) -> tuple[float, float]:
    """Return the 95 % confidence interval of a percentile, in milliseconds.

    Bootstrap over rounds, not over single times, because times within a round are correlated.
    """
    means = _bootstrap_means(latency.by_round_ms(percent), seed=0)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def ratio(
    first: Latency, second: Latency, percent: float, *, paired: bool
) -> tuple[float, float, float]:
    """Return the time of the second divided by that of the first, with a 95 % interval.

    Args:
        first: Baseline.
        second: Times to compare with the baseline.
        percent: Percentile of each round to compare.
        paired: Whether both were interleaved in one run; slow rounds of the machine then cancel.

    Returns:
        Ratio, lower and upper bound.
    """
    a, b = first.by_round_ms(percent), second.by_round_ms(percent)
    if paired and len(a) == len(b):
        ratios = _bootstrap_means(b, seed=0) / _bootstrap_means(a, seed=0)  # same rounds of both
    else:
        ratios = _bootstrap_means(b, seed=0) / _bootstrap_means(a, seed=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(b.mean() / a.mean()), float(low), float(high)


def warnings(latency: Latency, percent: float = 50) -> tuple[str, ...]:
    """Return the reasons why a time is not reproducible within 5 %; empty if it is.

    Args:
        latency: Times of one model.
        percent: Percentile to check.
    """
    values = latency.by_round_ms(percent)
    mean, name = values.mean(), f"p{percent:.0f}"
    found = []
    if values.std() > STABLE_WITHIN * mean:
        found.append(f"standard deviation of {name} over rounds is {values.std() / mean:.0%}")
    low, high = interval_ms(latency, percent)
    if (high - low) / 2 > STABLE_WITHIN / 2 * mean:
        found.append(f"95 % interval of {name} is +/- {(high - low) / 2 / mean:.1%}")
    if latency.cpu_share and (share := float(np.median(latency.cpu_share))) < MIN_CPU_SHARE:
        found.append(f"other programs used the CPU for {1 - share:.0%} of the time")
    half = len(values) // 2
    if half:
        drift = values[-half:].mean() / values[:half].mean() - 1
        if abs(drift) > STABLE_WITHIN:
            found.append(f"{name} drifted by {drift:+.0%} between first and second half")
    return tuple(found)


def _bootstrap_means(values: NDArray[np.float64], *, seed: int) -> NDArray[np.float64]:
    """Return means of `RESAMPLES` draws with replacement, float64 (RESAMPLES,)."""
    rng = np.random.default_rng(seed)
    return np.asarray(values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1))
