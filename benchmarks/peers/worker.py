"""Worker process of one package: reads JSON requests from stdin, writes JSON results to stdout.

It runs in the environment of the measured package, so it uses NumPy and the standard library only.
One line is one request or result. The first output line holds the times of import and loading; the
requests are the methods of `Server`.
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


class Package(Protocol):
    """A loaded package, used as its documentation shows.

    Attributes:
        labels: Labels in the order of its probabilities.
        runtime: Name and version of its inference runtime.
    """

    labels: tuple[str, ...]
    runtime: str

    def classify(self, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Return probabilities, float64 (n, labels), for grey faces, uint8 (n, 48, 48)."""

    def prepare(self, face: NDArray[np.uint8]) -> Any:
        """Convert one grey face, uint8 (48, 48), to the network's input."""

    def infer(self, prepared: Any) -> None:
        """Run the network on a prepared face and read its output."""

    def recognize(self, image: NDArray[np.uint8], max_side: int | None) -> list[str]:
        """Return the label of each face in a photo, BGR uint8 (height, width, 3)."""


def peak_mb() -> float:
    """Return the peak memory of this process in MiB (VmHWM, Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


class Server:
    """The requests of a worker."""

    def __init__(self, package: Package) -> None:
        """Take the loaded package."""
        self.package = package
        self.faces = np.zeros((0, 48, 48), np.uint8)

    def classify(self, file: str) -> dict[str, Any]:
        """Classify the faces of a .npy file and keep them for `infer`."""
        self.faces = np.load(file)
        found = self.package.classify(self.faces)
        return {"labels": list(self.package.labels), "probabilities": found.tolist(),
                "runtime": self.package.runtime}  # fmt: skip

    def infer(self, first: int, calls: int) -> dict[str, Any]:
        """Time the network on single kept faces, without preparation."""
        rows = [(first + call) % len(self.faces) for call in range(calls)]
        prepared = [self.package.prepare(self.faces[row]) for row in rows]
        return {"ns": [_timed(self.package.infer, one)[0] for one in prepared]}

    def recognize(self, file: str, calls: int, max_side: int | None) -> dict[str, Any]:
        """Time the complete call on a decoded photo, a .npy file."""
        image = np.load(file)
        found = [_timed(self.package.recognize, image, max_side) for _ in range(calls)]
        return {"ns": [time for time, _ in found], "labels": found[-1][1]}

    def memory(self) -> dict[str, Any]:
        """Return the peak memory up to now."""
        return {"peak_mb": peak_mb()}


def _timed(call: Callable[..., Any], *arguments: Any) -> tuple[int, Any]:
    began = time.perf_counter_ns()
    result = call(*arguments)
    return time.perf_counter_ns() - began, result


def serve(imports: Callable[[], None], load: Callable[[], Package]) -> None:
    """Import and load a package, then serve requests until stdin ends.

    Args:
        imports: Imports the package.
        load: Returns the loaded package.
    """
    results = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # keeps the package's own prints out of the results
    bare = peak_mb()
    began = time.perf_counter()
    imports()
    imported, imported_mb = time.perf_counter(), peak_mb()
    server = Server(load())
    loaded = time.perf_counter()
    startup = {"import_s": imported - began, "load_s": loaded - imported, "bare_mb": bare,
               "imported_mb": imported_mb}  # fmt: skip
    results.write(json.dumps(startup) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        call = getattr(server, request.pop("do"))
        results.write(json.dumps(call(**request)) + "\n")
