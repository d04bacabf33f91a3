"""A measured process: one JSON request a line on stdin, one JSON answer a line on stdout.

It runs in the measured package's own environment, so it needs NumPy and nothing of ours. Its first
line tells how long import and loading took; the requests are the methods of `Served`.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Measured(Protocol):
    """A loaded package, used as its documentation says."""

    labels: tuple[str, ...]
    runtime: str

    def answer(self, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return probabilities, float64 (n, labels), for grey faces, uint8 (n, 48, 48)."""

    def prepare(self, face: NDArray[np.uint8]) -> Any:
        """Return one grey face, uint8 (48, 48), as the network takes it."""

    def net(self, ready: Any) -> None:
        """Run the network alone and read its answer."""

    def whole(self, image: NDArray[np.uint8], max_side: int | None) -> list[str]:
        """Return the label of each face of a photo, uint8 (height, width, 3), BGR."""


def peak_mb() -> float:
    """Return the most memory that this process has held, in MiB (VmHWM, Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


class Served:
    """The requests."""

    def __init__(self, measured: Measured) -> None:
        """Take the loaded package."""
        self.measured = measured
        self.faces = np.zeros((0, 48, 48), np.uint8)

    def answer(self, file: str) -> dict[str, Any]:
        """Classify the faces of a .npy file and keep them for `net`."""
        self.faces = np.load(file)
        found = self.measured.answer(self.faces)
        return {"labels": list(self.measured.labels), "probabilities": found.tolist(),
                "runtime": self.measured.runtime}  # fmt: skip

    def net(self, first: int, calls: int) -> dict[str, Any]:
        """Time the network alone on kept faces, one by one."""
        rows = [(first + call) % len(self.faces) for call in range(calls)]
        ready = [self.measured.prepare(self.faces[row]) for row in rows]
        return {"ns": [_timed(self.measured.net, one)[0] for one in ready]}

    def whole(self, file: str, calls: int, max_side: int | None) -> dict[str, Any]:
        """Time the whole call on a decoded photo, a .npy file."""
        image = np.load(file)
        found = [_timed(self.measured.whole, image, max_side) for _ in range(calls)]
        return {"ns": [time for time, _ in found], "labels": found[-1][1]}

    def memory(self) -> dict[str, Any]:
        """Return the peak so far."""
        return {"peak_mb": peak_mb()}


def _timed(call: Callable[..., Any], *words: Any) -> tuple[int, Any]:
    began = time.perf_counter_ns()
    answer = call(*words)
    return time.perf_counter_ns() - began, answer


def serve(imports: Callable[[], None], load: Callable[[], Measured]) -> None:
    """Import, load, then answer requests until stdin ends.

    Args:
        imports: Imports the package.
        load: Makes it ready to answer.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what the package prints must not mix with the answers
    bare = peak_mb()
    began = time.perf_counter()
    imports()
    imported, imported_mb = time.perf_counter(), peak_mb()
    served = Served(load())
    loaded = time.perf_counter()
    first = {"import_s": imported - began, "load_s": loaded - imported, "bare_mb": bare,
             "imported_mb": imported_mb}  # fmt: skip
    answers.write(json.dumps(first) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        call = getattr(served, request.pop("do"))
        answers.write(json.dumps(call(**request)) + "\n")
