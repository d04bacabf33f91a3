"""Steady answers over time: exponential smoothing and labels that do not flicker.

Plain arithmetic, so that the Kotlin twin gives the same; both pass tests/golden/smoothing.json. For
one face, with probabilities p at time t, its last smoothed probabilities s at time u, its shown
label k, and the settings' time constant T and margin m:

1. the first probabilities are taken as they are: s = p, k = the largest, the first one if tied;
2. each later time, every s[i] becomes s[i] + a (p[i] - s[i]) with a = 1 - exp(-(t - u) / T), or
   a = 1 if T is 0; so the weight of what was seen fades by time, whatever the frame rate;
3. with b the largest of s, k becomes b only if s[b] - s[k] > m.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fer_sdk.errors import InputError


@dataclass(frozen=True, slots=True)
class SmoothingSettings:
    """How quickly a shown expression follows what is seen.

    Attributes:
        time_constant_s: Seconds after which a sudden change has come through by 63 %; 0 shows each
            frame's own probabilities.
        margin: By how much another label must be more probable than the shown one to take its
            place, 0 to 1; 0 always shows the most probable.
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
    """Smooths one face's probabilities and keeps its label steady."""

    def __init__(self, settings: SmoothingSettings) -> None:
        """Begin with nothing seen."""
        self._settings = settings
        self._time_s = 0.0
        self.probabilities: tuple[float, ...] = ()
        """Smoothed, one a label, in the order given; empty before the first `update`."""
        self.label = -1
        """Index of the shown label; -1 before the first `update`."""

    def update(self, probabilities: Sequence[float], time_s: float) -> None:
        """Take in what was seen at a time.

        Args:
            probabilities: One a label, 0 to 1.
            time_s: Seconds, not before those of the last call.

        Raises:
            InputError: If time runs backwards or the number of probabilities changes.
        """
        if not self.probabilities:
            self.probabilities = tuple(probabilities)
            self.label = _largest(self.probabilities)
        elif len(probabilities) != len(self.probabilities):
            raise InputError(
                f"expected {len(self.probabilities)} probabilities, but got {len(probabilities)}"
            )
        elif time_s < self._time_s:
            raise InputError(f"time runs backwards: {time_s} s came after {self._time_s} s")
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
