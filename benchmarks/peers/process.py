"""Client of a worker process, see `peers.worker`."""

import json
import os
import subprocess
import tempfile
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import RuntimeFailure
from peers.candidates import SOURCES, Candidate


class WorkerProcess:
    """A running worker.

    Attributes:
        startup: Times and memory of import and loading, the worker's first output line.
    """

    def __init__(self, candidate: Candidate) -> None:
        """Start the process and wait until the package is loaded.

        Raises:
            RuntimeFailure: If the process ends before that.
        """
        self._candidate = candidate
        self._log = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - see close
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            candidate.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCES.parent), "TF_CPP_MIN_LOG_LEVEL": "2"},
        )
        self.startup = self._read()

    @property
    def age_s(self) -> float:
        """Seconds since the start of the process."""
        return time.perf_counter() - self._began

    def request(self, do: str, **values: Any) -> dict[str, Any]:
        """Call a method of `peers.worker.Server` in the process and return its result.

        Raises:
            RuntimeFailure: If the process ends before it replies.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **values}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def classify(self, faces: NDArray[np.uint8]) -> dict[str, Any]:
        """Classify grey faces, uint8 (n, 48, 48), range [0, 255], which the process then keeps."""
        with tempfile.TemporaryDirectory() as folder:
            file = f"{folder}/faces.npy"
            np.save(file, faces)
            return self.request("classify", file=file)

    def close(self) -> None:
        """End the process."""
        with self._process, self._log:
            pass

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._log.seek(0)
            lines = self._log.read().strip().splitlines() or ["no message"]
            self.close()
            raise RuntimeFailure(f"{self._candidate.name} ended with code {code}: {lines[-1]}")
        found: dict[str, Any] = json.loads(line)
        return found
