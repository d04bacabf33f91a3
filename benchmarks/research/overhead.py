"""Time that the benchmark and the SDK add to an inference, measured with no-op models.

python -m research.overhead
"""

from dataclasses import dataclass
from typing import Final

import click
import numpy as np
from numpy.typing import NDArray

from fer_bench.measure.latency import time_each
from fer_sdk.cli.console import FerCommand
from fer_sdk.runtimes.base import FixedBatchSession, Tensor

CALLS, ROUNDS = 20_000, 7
FAST_MODEL_NS: Final = 100_000
"""0.1 ms, less than the inference time of the smallest shipped model."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """Overhead per call in nanoseconds, median of rounds.

    Attributes:
        timer_ns: Added by the benchmark: two clock readings and one Python call.
        sdk_ns: Added by the SDK's session: conversion of pixels to the input tensor and of the
            output tensor to logits. It is part of every measured inference time.
    """

    timer_ns: float
    sdk_ns: float


class _NoOpSession:
    """A session that returns constant logits."""

    def __init__(self) -> None:
        self._logits = np.zeros((1, 7), np.float32)

    def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._logits


class _NoOpRuntime(FixedBatchSession):
    """The SDK's session around a runtime that returns a constant tensor."""

    def __init__(self) -> None:
        pixels = Tensor((1, 48, 48, 1), np.dtype(np.uint8), 1.0)
        super().__init__(pixels, Tensor((1, 7), np.dtype(np.int8), 0.1), "null")
        self._numbers = np.zeros((1, 7), np.int8)

    def _invoke(self, faces: NDArray[np.generic]) -> NDArray[np.generic]:
        return self._numbers


def measure_overhead() -> Overhead:
    """Time the no-op session and the no-op runtime, interleaved."""
    faces = [np.zeros((1, 48, 48), np.uint8)]
    timer, sdk = [], []
    for _ in range(ROUNDS):
        timer.append(float(np.median(time_each(_NoOpSession().run, faces, CALLS))))
        sdk.append(float(np.median(time_each(_NoOpRuntime().run, faces, CALLS // 10))))
    return Overhead(float(np.median(timer)), float(np.median(sdk) - np.median(timer)))


@click.command(cls=FerCommand)
def main() -> None:
    """Print the overhead of the benchmark and of the SDK per inference."""
    found = measure_overhead()
    share = found.timer_ns / FAST_MODEL_NS
    click.echo(f"benchmark: {found.timer_ns:.0f} ns per inference, {share:.2%} of 0.1 ms")
    click.echo(f"SDK session: {found.sdk_ns / 1000:.1f} us per inference, part of every time")


if __name__ == "__main__":
    main()
