"""Sessions and results that the benchmark's tests make up."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fer_bench.measure.accuracy import reliability
from fer_bench.results.schema import (
    SCHEMA,
    Accuracy,
    BenchmarkResult,
    EndToEnd,
    FirstAnswer,
    Latency,
    ModelResult,
    Operator,
    Place,
    Throughput,
    Window,
)
from fer_sdk.evaluation.metrics import score
from fer_sdk.labels import FER2013_LABELS


class Clock:
    """A clock that fake sessions move on, so that times are known exactly."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


class SlowSession:
    """Takes a fixed number of milliseconds by the fake clock."""

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
    """Return steady times: every round has the same twenty values around a median."""
    turn = tuple(round(1e6 * milliseconds * (1 + spread * (i - 10) / 10)) for i in range(21))
    return Latency(warmup_ns=(9_000_000,), rounds_ns=(turn,) * rounds)


def accuracy(right: int, n: int = 100) -> Accuracy:
    """Return scores of a model that is right about `right` of n faces, sure of itself."""
    truth = np.arange(n) % 7
    answers = np.where(np.arange(n) < right, truth, (truth + 1) % 7)
    probabilities = np.full((n, 7), 0.05)
    probabilities[np.arange(n), answers] = 0.7
    scores = score(truth, probabilities, FER2013_LABELS)
    return Accuracy("PublicTest", n, scores, scores, reliability(truth, probabilities))


def row(name: str = "a.tflite", milliseconds: float = 1.0, right: int = 66) -> ModelResult:
    """Return a row with everything measured."""
    return ModelResult(
        name=name,
        peer=False,
        precision="int8",
        size_bytes=500_000,
        place=Place("cpu", "LiteRT 2.3.0, XNNPACK", delegated_ops=15, ops=16),
        sha256="0" * 64,
        parameters=528_847,
        multiply_accumulates=55_240_000,
        accuracy=(accuracy(right),),
        latency=latency(milliseconds),
        first_answer=FirstAnswer((0.1,), (0.02,), (0.001,), (0.2,), (9.0,), (30.0,), (49.0,)),
        throughput=(Throughput(1, 1, (900.0, 1000.0, 1100.0)),),
        operators=(Operator("[Delegate]:0", "Convolution (NHWC, QC8) IGEMM", 30.0),),
        sustained=tuple(Window(second + 1.0, 100, 1.0 + second / 20) for second in range(20)),
        end_to_end=(
            EndToEnd(
                "photo.png", (640, 480), (640, 480), 2,
                {"decode": (1_000_000,) * 2, "detect": (14_000_000,) * 2,
                 "crop": (400_000,) * 2, "classify": (200_000,) * 2},
            ),
        ),
    )  # fmt: skip


def result(*rows: ModelResult) -> BenchmarkResult:
    """Return a result of one made-up machine."""
    environment = {"processor": "a <processor>", "cores": "2", "system": "Linux", "python": "3.11",
                   "fer-sdk": "0.1.0", "ai-edge-litert": "2.3.0"}  # fmt: skip
    return BenchmarkResult(
        schema=SCHEMA,
        created="2026-11-22T00:00:00+00:00",
        mode="normal",
        environment=environment,
        load_average=0.1,
        faces="100 faces of PublicTest",
        data="f" * 64,
        delegate="cpu",
        threads=1,
        models=rows or (row(),),
    )


def peer() -> ModelResult:
    """Return another project's row: no stages, no operators."""
    whole = EndToEnd("photo.png", (640, 480), None, 1, {"whole": (155_000_000,) * 2})
    return replace(
        row("other 1.0", 20.0, 55), peer=True, sha256=None, parameters=None, operators=(),
        throughput=(), sustained=(), end_to_end=(whole,), size_bytes=5_000_000,
        place=Place("keras", "TensorFlow 2.21"), multiply_accumulates=None,
    )  # fmt: skip
