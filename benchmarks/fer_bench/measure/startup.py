"""From nothing to the first answer, in fresh processes: what an app waits for when it starts."""

import time
from pathlib import Path
from typing import Final

from fer_bench.backends.subprocess import PEAK_MB, run_fresh
from fer_bench.results.schema import FirstAnswer

RUNTIMES: Final = {
    "cpu": None, "xnnpack": None, "gpu": "litert-gpu", "tflite": "tflite", "onnx": "onnx",
}  # fmt: skip
"""The SDK's runtime for a delegate; the others are benchmark settings that no app starts with."""

_PROGRAM: Final = """
import json, time
bare = peak_mb()
began = time.perf_counter()
import numpy as np
from fer_sdk import ExpressionClassifier
imported, imported_mb = time.perf_counter(), peak_mb()
classifier = ExpressionClassifier.load(MODEL, runtime=RUNTIME, threads=THREADS)
loaded = time.perf_counter()
classifier.classify([np.zeros((48, 48), np.uint8)], color="grey")
answered = time.perf_counter()
print()
print(json.dumps({
    "import_s": imported - began, "load_s": loaded - imported, "answer_s": answered - loaded,
    "bare_mb": bare, "imported_mb": imported_mb, "peak_mb": peak_mb(),
}))
"""


def measure_first_answer(model: Path, delegate: str, threads: int, runs: int) -> FirstAnswer:
    """Start a process for each run: import, load (with the runtime's import), answer.

    Raises:
        RuntimeFailure: If the process fails.
    """
    settings = f"MODEL, RUNTIME, THREADS = {str(model)!r}, {RUNTIMES[delegate]!r}, {threads}\n"
    found, totals = [], []
    for _ in range(runs):
        began = time.perf_counter()
        found.append(run_fresh(["-c", PEAK_MB + settings + _PROGRAM]))
        totals.append(time.perf_counter() - began)

    def column(name: str) -> tuple[float, ...]:
        return tuple(run[name] for run in found if run[name] is not None)

    return FirstAnswer(
        import_s=column("import_s"),
        load_s=column("load_s"),
        answer_s=column("answer_s"),
        total_s=tuple(totals),
        bare_mb=column("bare_mb"),
        imported_mb=column("imported_mb"),
        peak_mb=column("peak_mb"),
    )
