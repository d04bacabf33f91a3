"""A long run of one model, window by window: whether the device slows down as it gets hot."""

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
    report: Callable[[int], None] = lambda windows: None,
) -> tuple[Window, ...]:
    """Classify face after face without a pause.

    Args:
        session: Loaded model.
        faces: uint8 (n, height, width).
        seconds: Length of the run.
        window_s: Length of a window.
        report: Told about every window.
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
        report(1)
    return tuple(windows)


def slowdown(windows: tuple[Window, ...]) -> float:
    """Return the last tenth's median time over the first tenth's: 1.2 is a fifth slower."""
    tenth = max(1, len(windows) // 10)
    first = np.median([window.p50_ms for window in windows[:tenth]])
    return float(np.median([window.p50_ms for window in windows[-tenth:]]) / first)
