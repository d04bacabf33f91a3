"""Fake sessions and synthetic results for the tests of the benchmark."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fer_bench.measure.accuracy import reliability
from fer_bench.results.schema import (
    SCHEMA,
    Accuracy,
    Backend,
    BenchmarkResult,
    Latency,
    ModelResult,
    Operator,
    PipelineTimes,
    Startup,
    Throughput,
    Window,
)
from fer_sdk.evaluation.metrics import score
from fer_sdk.labels import FER2013_LABELS


class Clock:
    """A clock that fake sessions advance, which makes times exact."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


class SlowSession:
    """Advances the fake clock by a fixed number of milliseconds per call."""

    input_hw, classes = (48, 48), 7

    def __init__(self, clock: Clock, milliseconds: float, order: list[float]) -> None:
        self.clock, self.milliseconds, self.order = clock, milliseconds, order

    def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert faces.shape == (1, 48, 48)
        self.order.append(self.milliseconds)
        self.clock.now += round(self.milliseconds * 1e6)
        return np.zeros((1, 7), np.float32)

    def close(self) -> None:
        pass


def latency(milliseconds: float, *, rounds: int = 10, spread: float = 0.01) -> Latency:
    """Return stable times: every round has the same 21 values around the median."""
    times = tuple(round(1e6 * milliseconds * (1 + spread * (i - 10) / 10)) for i in range(21))
    return Latency(warmup_ns=(9_000_000,), rounds_ns=(times,) * rounds)


def accuracy(right: int, n: int = 100) -> Accuracy:
    """Return scores of `right` correct predictions out of n, with confidence 0.7."""
    truth = np.arange(n) % 7
    predicted = np.where(np.arange(n) < right, truth, (truth + 1) % 7)
    probabilities = np.full((n, 7), 0.05)
    probabilities[np.arange(n), predicted] = 0.7
    scores = score(truth, probabilities, FER2013_LABELS)
    return Accuracy("PublicTest", n, scores, scores, reliability(truth, probabilities))


def row(name: str = "a.tflite", milliseconds: float = 1.0, right: int = 66) -> ModelResult:
    """Return a row with all measurements."""
    return ModelResult(
        name=name,
        peer=False,
        precision="int8",
        size_bytes=500_000,
        backend=Backend("cpu", "LiteRT 2.3.0, XNNPACK", delegated_ops=15, ops=16),
        sha256="0" * 64,
        parameters=528_847,
        multiply_accumulates=55_240_000,
        accuracy=(accuracy(right),),
        latency=latency(milliseconds),
        startup=Startup((0.1,), (0.02,), (0.001,), (0.2,), (9.0,), (30.0,), (49.0,)),
        throughput=(Throughput(1, 1, (900.0, 1000.0, 1100.0)),),
        operators=(Operator("[Delegate]:0", "Convolution (NHWC, QC8) IGEMM", 30.0),),
        sustained=tuple(Window(second + 1.0, 100, 1.0 + second / 20) for second in range(20)),
        pipeline=(
            PipelineTimes(
                "photo.png", (640, 480), (640, 480), 2,
                {"decode": (1_000_000,) * 2, "detect": (14_000_000,) * 2,
                 "crop": (400_000,) * 2, "classify": (200_000,) * 2},
            ),
        ),
    )  # fmt: skip


def result(*rows: ModelResult) -> BenchmarkResult:
    """Return a result of a fictitious machine."""
    environment = {"processor": "a <processor>", "cores": "2", "system": "Linux", "python": "3.11",
                   "fer-sdk": "0.1.0", "ai-edge-litert": "2.3.0"}  # fmt: skip
    return BenchmarkResult(
        schema=SCHEMA,
        created="2026-11-22T00:00:00+00:00",
        mode="normal",
        environment=environment,
        load_average=0.1,
        dataset="100 faces of PublicTest",
        fingerprint="f" * 64,
        delegate="cpu",
        threads=1,
        models=rows or (row(),),
    )


def peer() -> ModelResult:
    """Return a row of another package: no separate stages, no operators."""
    photo = PipelineTimes("photo.png", (640, 480), None, 1, {"total": (155_000_000,) * 2})
    return replace(
        row("other 1.0", 20.0, 55), peer=True, sha256=None, parameters=None, operators=(),
        throughput=(), sustained=(), pipeline=(photo,), size_bytes=5_000_000,
        backend=Backend("keras", "TensorFlow 2.21"), multiply_accumulates=None,
    )  # fmt: skip
