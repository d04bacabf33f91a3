"""How long one face takes: models take turns, so that a slow moment of the machine hits all."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_sdk.runtimes import Session

UNSTABLE_ABOVE = 0.1
"""Spread of the rounds' medians, as a share of their mean, that makes a time unstable."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Time of one model for one face, in milliseconds.

    Attributes:
        warmup_ms: First answers, not part of any figure.
        rounds_ms: Raw values, one tuple a round, in the order measured.
    """

    warmup_ms: tuple[float, ...]
    rounds_ms: tuple[tuple[float, ...], ...]

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile over all rounds, in milliseconds."""
        return float(np.percentile(np.concatenate(self.rounds_ms), percent))

    @property
    def unstable(self) -> bool:
        """Whether the rounds' medians spread by more than a tenth of their mean."""
        medians = np.median(np.array(self.rounds_ms), axis=1)
        return bool(medians.std() > UNSTABLE_ABOVE * medians.mean())


def measure_latency(
    sessions: Sequence[Session],
    faces: NDArray[np.uint8],
    *,
    rounds: int,
    warmup: int = 50,
    report: Callable[[int], None] = lambda rounds: None,
) -> list[Latency]:
    """Time every session on the same faces, one face a call, in turns.

    Args:
        sessions: Loaded models of one input size.
        faces: uint8 (n, height, width); each round runs over all of them.
        rounds: How often each model takes its turn.
        warmup: Answers before the first round.
        report: Told about every model's turn.

    Returns:
        One `Latency` a session, from pixels in to logits out.
    """
    warmups = [_time(session, np.resize(faces, (warmup, *faces.shape[1:]))) for session in sessions]
    turns: list[list[tuple[float, ...]]] = [[] for _ in sessions]
    for _ in range(rounds):
        for turn, session in zip(turns, sessions, strict=True):
            turn.append(_time(session, faces))
            report(1)
    return [Latency(w, tuple(turn)) for w, turn in zip(warmups, turns, strict=True)]


def _time(session: Session, faces: NDArray[np.uint8]) -> tuple[float, ...]:
    times = []
    for number in range(len(faces)):
        face = faces[number : number + 1]
        began = time.perf_counter_ns()
        session.run(face)
        times.append((time.perf_counter_ns() - began) / 1e6)
    return tuple(times)
