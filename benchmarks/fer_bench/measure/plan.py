"""Duration and scope of a benchmark run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured per model.

    Attributes:
        rounds: Number of interleaved timing rounds.
        seconds: Minimum timing duration over all rounds.
        samples: Minimum number of timed inferences over all rounds.
        scoring_s: Time limit for the accuracy; a slower model is scored on a sample of the faces.
        startups: Number of fresh processes.
        throughput_s: Duration of each of three repetitions; 0 skips the throughput.
        operators: Whether operators are profiled.
        frames: Number of passes over a photo, or of frames of a video.
    """

    rounds: int
    seconds: float
    samples: int
    scoring_s: float
    startups: int
    throughput_s: float
    operators: bool
    frames: int


PLANS: Final = {
    "quick": Plan(5, 0.5, 20, 2.0, 1, 0.0, False, 20),
    "normal": Plan(15, 4.0, 60, 20.0, 5, 0.15, True, 60),
    # As in MLPerf Mobile, single stream (Janapa Reddi et al. 2022, arxiv.org/abs/2012.02328).
    "full": Plan(30, 60.0, 1024, 600.0, 10, 1.0, True, 300),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured, and on which backend.

    Attributes:
        mode: A key of `PLANS`.
        delegate: A key of `fer_bench.backends.delegates.DELEGATES`, or an ONNX Runtime provider.
        threads: Number of CPU threads.
        minutes: Duration of a sustained run of each model; 0 skips it.
        sources: Photos and videos for the pipeline measurement.
        skip_refused: Whether models that the delegate does not support are skipped and listed in
            the result, instead of raising an error.
    """

    mode: str = "normal"
    delegate: str = "cpu"
    threads: int = 1
    minutes: float = 0
    sources: tuple[Path, ...] = ()
    skip_refused: bool = False

    @property
    def plan(self) -> Plan:
        """The plan of `mode`."""
        return PLANS[self.mode]

    def steps(self, models: int) -> int:
        """Return the number of progress steps of `run_benchmark` for so many models."""
        plan = self.plan
        each = 1 + plan.rounds + (plan.startups > 0) + (plan.throughput_s > 0) + plan.operators
        return models * (each + len(self.sources) + round(60 * self.minutes))
