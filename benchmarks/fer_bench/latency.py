"""How long one face takes: models take turns, so that a slow moment of the machine hits all."""

import gc
import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.result import Latency
from fer_sdk.runtimes import Session
from fer_sdk.runtimes.litert_gpu import GpuSession

WARMUP_S: Final = 0.5
WARMUP_FACES: Final = (3, 50)
"""Fewest and most answers of a warm-up, within about `WARMUP_S`."""


def warm_up(session: Session, faces: NDArray[np.uint8]) -> tuple[int, ...]:
    """Answer some faces before any figure; returns their times in nanoseconds."""
    times: list[int] = []
    least, most = WARMUP_FACES
    while len(times) < least or (len(times) < most and sum(times) < WARMUP_S * 1e9):
        times += time_each(session.run, _turn(faces, len(times), 1))
    return tuple(times)


def measure_latency(
    sessions: Sequence[Session],
    faces: Sequence[NDArray[np.uint8]],
    *,
    rounds: int,
    seconds: float,
    samples: int,
    report: Callable[[int], None] = lambda turns: None,
) -> list[Latency]:
    """Time every session, one face a call, in turns A B A B.

    Args:
        sessions: Loaded models.
        faces: For each of them, uint8 (n, height, width), gone through again and again.
        rounds: How often each model takes its turn, at least.
        seconds: Time for each model, at least, over all rounds; warm-up apart.
        samples: Answers of each model, at least, over all rounds.
        report: Told about every model's turn.

    Returns:
        One `Latency` a session, from pixels in to logits out.
    """
    warmups = [warm_up(session, own) for session, own in zip(sessions, faces, strict=True)]
    counts = [
        -(-max(samples, round(1e9 * seconds / np.median(warm[-10:]))) // rounds) for warm in warmups
    ]
    turns: list[list[tuple[int, ...]]] = [[] for _ in sessions]

    def long_enough() -> bool:
        return all(sum(map(sum, turn)) >= 1e9 * seconds for turn in turns)

    number = 0
    while number < rounds or not long_enough():
        for turn, session, own, count in zip(turns, sessions, faces, counts, strict=True):
            turn.append(time_each(session.run, _turn(own, number * count, count)))
            report(1)
        number += 1
    return [Latency(w, tuple(turn)) for w, turn in zip(warmups, turns, strict=True)]


def measure_submission(session: GpuSession, faces: NDArray[np.uint8], answers: int = 20) -> Latency:
    """Time handing faces to a GPU without waiting: what a time without the read-back would say."""
    times = []
    for face in _turn(faces, 0, answers):
        began = time.perf_counter_ns()
        session.submit(face[0])
        times.append(time.perf_counter_ns() - began)
        session.run(face)  # waits, so that the next submission finds an empty queue
    return Latency((), (tuple(times),))


def time_each(
    run: Callable[[NDArray[np.uint8]], object], faces: Sequence[NDArray[np.uint8]]
) -> tuple[int, ...]:
    """Call `run` with each of `faces`, uint8 (1, height, width); returns nanoseconds."""
    times = [0] * len(faces)
    clock = time.perf_counter_ns
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number, face in enumerate(faces):
            began = clock()
            run(face)
            times[number] = clock() - began
    finally:
        if collecting:
            gc.enable()
    return tuple(times)


def _turn(faces: NDArray[np.uint8], first: int, count: int) -> list[NDArray[np.uint8]]:
    """Return `count` faces as batches of one, beginning at `first`, going round."""
    return [faces[number % len(faces)][None] for number in range(first, first + count)]
