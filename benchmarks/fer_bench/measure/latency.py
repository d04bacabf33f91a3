"""Latency of single faces; models are interleaved, so that a slow phase affects all of them."""

import gc
import time
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.schema import Latency
from fer_sdk.runtimes import Session
from fer_sdk.runtimes.litert_gpu import GpuSession

WARMUP_S: Final = 0.5
WARMUP_FACES: Final = (3, 50)
"""Minimum and maximum number of warm-up inferences, within about `WARMUP_S`."""


def warm_up(session: Session, faces: NDArray[np.uint8]) -> tuple[int, ...]:
    """Run warm-up inferences and return their times in nanoseconds."""
    batches, (least, most) = one_by_one(faces), WARMUP_FACES
    times = time_each(session.run, batches, least)
    while len(times) < most and sum(times) < WARMUP_S * 1e9:
        times += time_each(session.run, batches, 1)
    return times


def measure_latency(
    sessions: Sequence[Session],
    faces: Sequence[NDArray[np.uint8]],
    *,
    rounds: int,
    seconds: float,
    samples: int,
    progress: Callable[[int], None] = lambda rounds: None,
) -> list[Latency]:
    """Time every session on single faces, interleaved: A B A B.

    Args:
        sessions: Loaded models.
        faces: For each session, uint8 (n, height, width), range [0, 255], used cyclically.
        rounds: Number of rounds; each round times every session.
        seconds: Minimum timing duration per session over all rounds, without warm-up.
        samples: Minimum number of inferences per session over all rounds.
        progress: Called with 1 after each session of each round.

    Returns:
        One `Latency` per session, from pixels to logits.
    """
    warmups = [warm_up(session, own) for session, own in zip(sessions, faces, strict=True)]
    batches = [one_by_one(own) for own in faces]
    timed: list[list[tuple[int, ...]]] = [[] for _ in sessions]
    shares: list[list[float]] = [[] for _ in sessions]
    for _ in range(rounds):
        for index, session in enumerate(sessions):
            wall, processor = time.perf_counter_ns(), time.process_time_ns()
            timed[index].append(
                time_each(session.run, batches[index], -(-samples // rounds), seconds / rounds)
            )
            if not isinstance(session, GpuSession):
                passed = time.perf_counter_ns() - wall
                shares[index].append((time.process_time_ns() - processor) / passed)
            progress(1)
    return [
        Latency(warm, tuple(own), tuple(share))
        for warm, own, share in zip(warmups, timed, shares, strict=True)
    ]


def measure_submission(session: GpuSession, faces: NDArray[np.uint8], count: int = 10) -> Latency:
    """Time submitting faces to a GPU without waiting for the results."""
    times = []
    for face in one_by_one(faces[:count]):
        began = time.perf_counter_ns()
        session.submit(face[0])
        times.append(time.perf_counter_ns() - began)
        session.run(face)  # waits until the queue is empty
    return Latency((), (tuple(times),))


def time_each(
    run: Callable[[NDArray[np.uint8]], object],
    batches: Sequence[NDArray[np.uint8]],
    least: int,
    seconds: float = 0,
) -> tuple[int, ...]:
    """Time calls of `run`, cycling over the batches.

    Args:
        run: Function to time.
        batches: Each uint8 (1, height, width).
        least: Minimum number of calls.
        seconds: Minimum sum of the calls' times.

    Returns:
        Time of each call, in nanoseconds.
    """
    times: list[int] = []
    clock, enough, spent = time.perf_counter_ns, round(seconds * 1e9), 0
    collecting = gc.isenabled()
    gc.disable()
    try:
        while len(times) < least or spent < enough:
            batch = batches[len(times) % len(batches)]
            began = clock()
            run(batch)
            took = clock() - began
            times.append(took)
            spent += took
    finally:
        if collecting:
            gc.enable()
    return tuple(times)


def one_by_one(faces: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Split faces, uint8 (n, height, width), into batches of one."""
    return [face[None] for face in faces]
