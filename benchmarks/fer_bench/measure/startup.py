"""Startup time and memory: from the start of a process to its first prediction."""

import time
from pathlib import Path
from typing import Final

from fer_bench.backends.subprocess import PEAK_MB, run_fresh
from fer_bench.results.schema import Startup

RUNTIMES: Final = {
    "cpu": None, "xnnpack": None, "gpu": "litert", "tflite": "tflite", "onnx": "onnx",
}  # fmt: skip
"""The SDK's runtime by delegate; the SDK does not offer the other delegates of the benchmark."""

_PROGRAM: Final = """
import json, time
bare = peak_mb()
began = time.perf_counter()
import numpy as np
from fer_sdk import ExpressionClassifier
imported, imported_mb = time.perf_counter(), peak_mb()
classifier = ExpressionClassifier.load(
    MODEL, runtime=RUNTIME, delegate=DELEGATE, threads=THREADS
)
loaded = time.perf_counter()
classifier.classify([np.zeros((48, 48), np.uint8)], color="grey")
predicted = time.perf_counter()
print()
print(json.dumps({
    "import_s": imported - began, "load_s": loaded - imported, "inference_s": predicted - loaded,
    "bare_mb": bare, "imported_mb": imported_mb, "peak_mb": peak_mb(),
}))
"""


def measure_startup(model: Path, delegate: str, threads: int, runs: int) -> Startup:
    """Measure import, loading and the first prediction, each run in a fresh process.

    Args:
        model: Model file.
        delegate: A key of `RUNTIMES`.
        threads: Number of CPU threads.
        runs: Number of processes.

    Raises:
        RuntimeFailure: If the process fails.
    """
    settings = (
        f"MODEL, RUNTIME, THREADS = {str(model)!r}, {RUNTIMES[delegate]!r}, {threads}\n"
        f"DELEGATE = {'gpu' if delegate == 'gpu' else 'cpu'!r}\n"
    )
    found, totals = [], []
    for _ in range(runs):
        began = time.perf_counter()
        found.append(run_fresh(["-c", PEAK_MB + settings + _PROGRAM]))
        totals.append(time.perf_counter() - began)

    def column(name: str) -> tuple[float, ...]:
        return tuple(run[name] for run in found if run[name] is not None)

    return Startup(
        import_s=column("import_s"),
        load_s=column("load_s"),
        inference_s=column("inference_s"),
        total_s=tuple(totals),
        bare_mb=column("bare_mb"),
        imported_mb=column("imported_mb"),
        peak_mb=column("peak_mb"),
    )
