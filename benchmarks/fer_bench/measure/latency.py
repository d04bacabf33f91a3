"""How long one face takes: models take turns, so that a slow moment of the machine hits all."""

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
"""Fewest and most answers of a warm-up, within about `WARMUP_S`."""


def warm_up(session: Session, faces: NDArray[np.uint8]) -> tuple[int, ...]:
    """Answer some faces before any figure; returns their times in nanoseconds."""
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
    report: Callable[[int], None] = lambda rounds: None,
) -> list[Latency]:
    """Time every session, one face a call, in turns A B A B.

    Args:
        sessions: Loaded models.
        faces: For each of them, uint8 (n, height, width), gone through again and again.
        rounds: How often each model takes its turn.
        seconds: Time of each model, at least, over all rounds; warm-up apart.
        samples: Answers of each model, at least, over all rounds.
        report: Told about every model's turn.

    Returns:
        One `Latency` a session, from pixels in to logits out.
    """
    warmups = [warm_up(session, own) for session, own in zip(sessions, faces, strict=True)]
    batches = [one_by_one(own) for own in faces]
    timed: list[list[tuple[int, ...]]] = [[] for _ in sessions]
    shares: list[list[float]] = [[] for _ in sessions]
    for _ in range(rounds):
        for place, session in enumerate(sessions):
            wall, processor = time.perf_counter_ns(), time.process_time_ns()
            timed[place].append(
                time_each(session.run, batches[place], -(-samples // rounds), seconds / rounds)
            )
            if not isinstance(session, GpuSession):
                passed = time.perf_counter_ns() - wall
                shares[place].append((time.process_time_ns() - processor) / passed)
            report(1)
    return [
        Latency(warm, tuple(turn), tuple(share))
        for warm, turn, share in zip(warmups, timed, shares, strict=True)
    ]


def measure_submission(session: GpuSession, faces: NDArray[np.uint8], answers: int = 10) -> Latency:
    """Time handing faces to a GPU without waiting: what a time without the read-back would say."""
    times = []
    for face in one_by_one(faces[:answers]):
        began = time.perf_counter_ns()
        session.submit(face[0])
        times.append(time.perf_counter_ns() - began)
        session.run(face)  # waits, so that the next submission finds an empty queue
    return Latency((), (tuple(times),))


def time_each(
    run: Callable[[NDArray[np.uint8]], object],
    batches: Sequence[NDArray[np.uint8]],
    least: int,
    seconds: float = 0,
) -> tuple[int, ...]:
    """Call `run` with one batch after the other, going round.

    Args:
        run: What is timed.
        batches: Each uint8 (1, height, width).
        least: Calls, at least.
        seconds: Sum of the calls' times, at least.

    Returns:
        Nanoseconds of each call.
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
    """Return faces, uint8 (n, height, width), as batches of one."""
    return [face[None] for face in faces]
