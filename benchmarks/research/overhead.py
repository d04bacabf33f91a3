"""What the benchmark itself adds to a time, shown with models that do nothing."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.measure.latency import time_each
from fer_sdk.runtimes.base import FixedBatchSession, Tensor

CALLS, ROUNDS = 20_000, 7
SMALL_MODEL_NS: Final = 100_000
"""0.1 ms: about what the smallest models take."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """Nanoseconds a call, median of rounds.

    Attributes:
        timer_ns: Of the benchmark: two readings of the clock and the call between them.
        sdk_ns: Of the SDK around a runtime: pixels to tensor, tensor to logits. It belongs to every
            time, since no user gets an answer without it.
    """

    timer_ns: float
    sdk_ns: float


class _NullSession:
    """Answers at once."""

    def __init__(self) -> None:
        self._logits = np.zeros((1, 7), np.float32)

    def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._logits


class _NullRuntime(FixedBatchSession):
    """The SDK around a runtime that answers at once."""

    def __init__(self) -> None:
        pixels = Tensor((1, 48, 48, 1), np.dtype(np.uint8), 1.0)
        super().__init__(pixels, Tensor((1, 7), np.dtype(np.int8), 0.1), "null")
        self._numbers = np.zeros((1, 7), np.int8)

    def _invoke(self, face: NDArray[np.generic]) -> NDArray[np.generic]:
        return self._numbers


def measure_overhead() -> Overhead:
    """Time the null model and the null runtime in turns, as models are timed."""
    faces = [np.zeros((1, 48, 48), np.uint8)]
    timer, sdk = [], []
    for _ in range(ROUNDS):
        timer.append(float(np.median(time_each(_NullSession().run, faces, CALLS))))
        sdk.append(float(np.median(time_each(_NullRuntime().run, faces, CALLS // 10))))
    return Overhead(float(np.median(timer)), float(np.median(sdk) - np.median(timer)))
