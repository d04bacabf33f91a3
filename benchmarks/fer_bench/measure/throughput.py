"""Images a second, by batch and by threads."""

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
    """Return 1, 2, 4 ... up to the machine's cores."""
    cores = os.cpu_count() or 1
    return tuple(1 << power for power in range(cores.bit_length()) if 1 << power <= cores)


def measure_throughput(
    model: Path, delegate: str, faces: NDArray[np.uint8], seconds: float
) -> tuple[Throughput, ...]:
    """Classify batches for some time.

    Args:
        model: .tflite or .onnx file; it takes one face, so that a batch is a loop inside `run`.
        delegate: One of `fer_bench.backends.delegates.DELEGATES`.
        faces: uint8 (n, height, width).
        seconds: Of each repetition.
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
