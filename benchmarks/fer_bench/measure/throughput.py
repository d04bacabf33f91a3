"""Throughput in images per second, by batch size and thread count."""

import os
import time
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.backends.delegates import open_delegate
from fer_bench.results.schema import Throughput

BATCHES: Final = (1, 32)
REPETITIONS: Final = 3


def thread_counts() -> tuple[int, ...]:
    """Return the powers of two up to the number of CPU cores."""
    cores = os.cpu_count() or 1
    return tuple(1 << power for power in range(cores.bit_length()) if 1 << power <= cores)


def measure_throughput(
    model: Path, delegate: str, faces: NDArray[np.uint8], seconds: float
) -> tuple[Throughput, ...]:
    """Measure the throughput for every thread count and batch size.

    Args:
        model: .tflite or .onnx file. Its batch size is 1; `run` loops over the faces of a batch.
        delegate: One of `fer_bench.backends.delegates.DELEGATES`.
        faces: uint8 (n, height, width), range [0, 255].
        seconds: Duration of each repetition.
    """
    found = []
    for threads in thread_counts() if delegate != "gpu" else (1,):
        session = open_delegate(model, delegate, threads)
        for batch in BATCHES:
            inputs = np.resize(faces, (batch, *faces.shape[1:]))
            session.run(inputs)
            rates = []
            for _ in range(REPETITIONS):
                began, done = time.perf_counter(), 0
                while time.perf_counter() - began < seconds:
                    session.run(inputs)
                    done += batch
                rates.append(done / (time.perf_counter() - began))
            found.append(Throughput(batch, threads, tuple(rates)))
        session.close()
    return tuple(found)
