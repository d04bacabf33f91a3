"""Sustained run of one model in time windows, which shows thermal throttling."""

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fer_bench.results.schema import Window
from fer_sdk.runtimes import Session


def run_sustained(
    session: Session,
    faces: NDArray[np.uint8],
    *,
    seconds: float,
    window_s: float = 1.0,
    progress: Callable[[int], None] = lambda windows: None,
) -> tuple[Window, ...]:
    """Classify faces one by one without a pause.

    Args:
        session: Loaded model.
        faces: uint8 (n, height, width), range [0, 255], used cyclically.
        seconds: Duration of the run.
        window_s: Duration of a window, in seconds.
        progress: Called with 1 after each window.
    """
    windows: list[Window] = []
    began = time.perf_counter_ns()
    number = 0
    while time.perf_counter_ns() - began < seconds * 1e9:
        times = []
        end = began + round((len(windows) + 1) * window_s * 1e9)
        while True:
            before = time.perf_counter_ns()
            session.run(faces[number % len(faces)][None])
            now = time.perf_counter_ns()
            times.append(now - before)
            number += 1
            if now >= end:
                break
        windows.append(Window((now - began) / 1e9, len(times), float(np.median(times)) / 1e6))
        progress(1)
    return tuple(windows)


def slowdown(windows: tuple[Window, ...]) -> float:
    """Return the median time of the last tenth of the windows over that of the first tenth."""
    tenth = max(1, len(windows) // 10)
    first = np.median([window.p50_ms for window in windows[:tenth]])
    return float(np.median([window.p50_ms for window in windows[-tenth:]]) / first)
