"""Temporal smoothing: an exponential moving average with hysteresis for the label.

The Kotlin version computes the same; both pass tests/golden/smoothing.json. For one
face, with probabilities p at time t, smoothed probabilities s of the previous time u, smoothed
label k, and the settings' time constant T and margin m:

1. first frame: s = p, k = the index of the largest, the first one if tied;
2. later frames: s[i] becomes s[i] + a (p[i] - s[i]) with a = 1 - exp(-(t - u) / T), or a = 1 if T
   is 0. The weight of a frame decays with time, independently of the frame rate;
3. with b the index of the largest s, k becomes b only if s[b] - s[k] > m.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fer_sdk.errors import InputError


@dataclass(frozen=True, slots=True)
class SmoothingSettings:
    """Settings of the temporal smoothing of scores and label.

    Attributes:
        time_constant_s: Seconds after which 63 % of a sudden change is visible; 0 disables
            smoothing.
        margin: Least lead in probability, 0 to 1, with which another label replaces the current
            one; 0 always selects the most probable.
    """

    time_constant_s: float = 0.3
    margin: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.time_constant_s < math.inf:
            raise InputError(
                f"time_constant_s must be 0 or more seconds, but is {self.time_constant_s}"
            )
        if not 0 <= self.margin < 1:
            raise InputError(f"margin must be from 0 to below 1, but is {self.margin}")


class Smoother:
    """Smooths the probabilities and the label of one face."""

    def __init__(self, settings: SmoothingSettings) -> None:
        """Start without a frame."""
        self._settings = settings
        self._time_s = 0.0
        self.probabilities: tuple[float, ...] = ()
        """Smoothed probabilities in the order given; empty before the first `update`."""
        self.label = -1
        """Index of the smoothed label; -1 before the first `update`."""

    def update(self, probabilities: Sequence[float], time_s: float) -> None:
        """Add the probabilities of a frame.

        Args:
            probabilities: One per label, 0 to 1.
            time_s: Time in seconds, not before that of the previous call.

        Raises:
            InputError: If the time decreases or the number of probabilities changes.
        """
        if not self.probabilities:
            self.probabilities = tuple(probabilities)
            self.label = _largest(self.probabilities)
        elif len(probabilities) != len(self.probabilities):
            raise InputError(
                f"expected {len(self.probabilities)} probabilities, but got {len(probabilities)}"
            )
        elif time_s < self._time_s:
            raise InputError(f"times must not decrease, but {time_s} s follows {self._time_s} s")
        else:
            constant = self._settings.time_constant_s
            weight = 1.0 - math.exp((self._time_s - time_s) / constant) if constant else 1.0
            self.probabilities = tuple(
                old + weight * (new - old)
                for old, new in zip(self.probabilities, probabilities, strict=True)
            )
            best = _largest(self.probabilities)
            lead = self.probabilities[best] - self.probabilities[self.label]
            if lead > self._settings.margin:
                self.label = best
        self._time_s = time_s


def _largest(values: tuple[float, ...]) -> int:
    return max(range(len(values)), key=values.__getitem__)
