"""An emulated arm64 machine that runs Python programs and models."""

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

import fer_sdk
from fer_sdk.errors import InputError, RuntimeFailure

Cpu = Literal["cortex-a53", "cortex-a76", "max"]
"""cortex-a76 has dot-product instructions, cortex-a53 does not; max has all features of qemu."""
FOLDER: Final = Path(".cache/arm64")
DESCRIPTION: Final = "machine.json"

_RUN_MODEL: Final = """
import sys
from pathlib import Path
import numpy as np
from fer_sdk.runtimes import open_session
model, faces, logits = sys.argv[1:]
np.save(logits, open_session(Path(model)).run(np.load(faces)))
"""


@dataclass(frozen=True, slots=True)
class Machine:
    """An emulator installed by `python -m research.arm.setup`.

    Attributes:
        folder: Contains bin/qemu-aarch64, root (Debian arm64) and site-packages (aarch64 wheels).
        cpu: Emulated processor.
    """

    folder: Path
    cpu: Cpu

    @classmethod
    def find(cls, cpu: Cpu, folder: Path = FOLDER) -> "Machine":
        """Return the machine installed in a folder.

        Raises:
            InputError: If there is none.
        """
        if not (folder / DESCRIPTION).is_file():
            raise InputError(
                f"no emulated arm64 machine in {folder}: "
                f"run `python -m research.arm.setup {folder}` first"
            )
        return cls(folder.resolve(), cpu)

    @property
    def description(self) -> dict[str, str]:
        """Versions of qemu and of the installed wheels."""
        found = json.loads((self.folder / DESCRIPTION).read_text())
        qemu = next(name for name in found["packages"] if name.startswith("qemu"))
        return {"qemu": qemu, "aarch64 wheels": ", ".join(found["wheels"])}

    def command(self, arguments: Sequence[str], qemu: Sequence[str] = ()) -> list[str]:
        """Return the command line that runs Python there.

        Args:
            arguments: Arguments of Python: ["-c", "print(1)"] or ["script.py", ...].
            qemu: Additional options of qemu.
        """
        # A reserved address space (-R) gives the same addresses and the same work in every run.
        emulator = [str(self.folder / "bin/qemu-aarch64"), "-cpu", self.cpu, "-R", "16G"]
        root = self.folder / "root"
        return [*emulator, "-L", str(root), *qemu, str(root / "usr/bin/python3.11"), *arguments]

    def environment(self, *paths: Path) -> dict[str, str]:
        """Return the environment of its programs, with `paths` added to the import path."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            "PYTHONPATH": os.pathsep.join(map(str, (*paths, self.folder / "site-packages"))),
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def run_python(self, *arguments: str) -> str:
        """Run Python there with NumPy, LiteRT and `fer_sdk` installed, and return its stdout.

        Paths are those of this machine. Starting takes seconds.

        Args:
            arguments: Arguments of Python: "-c", "print(1)" or "script.py", ...

        Raises:
            RuntimeFailure: If the program fails, with its last output line.
        """
        with tempfile.TemporaryDirectory() as scratch:
            package = Path(scratch)
            (package / "fer_sdk").symlink_to(Path(fer_sdk.__file__).parent)
            metadata = package / f"fer_sdk-{fer_sdk.__version__}.dist-info/METADATA"
            metadata.parent.mkdir()
            metadata.write_text(f"Name: fer-sdk\nVersion: {fer_sdk.__version__}\n")
            done = subprocess.run(
                self.command(arguments),
                capture_output=True, text=True, env=self.environment(package),
            )  # fmt: skip
        if done.returncode != 0:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            raise RuntimeFailure(f"on the emulated {self.cpu} exit code {done.returncode}: {last}")
        return done.stdout

    def run_model(self, model: Path, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run a model there with the SDK's runtime session.

        Args:
            model: .tflite file; its sidecar is not read.
            faces: uint8 (n, height, width), range [0, 255].

        Returns:
            Logits, float32 (n, classes), dequantized if the output is quantized.

        Raises:
            RuntimeFailure: If the program fails, with its last output line.
        """
        with tempfile.TemporaryDirectory() as scratch:
            pixels, logits = Path(scratch, "faces.npy"), Path(scratch, "logits.npy")
            np.save(pixels, faces)
            self.run_python("-c", _RUN_MODEL, str(model.resolve()), str(pixels), str(logits))
            found: NDArray[np.float32] = np.load(logits)
        return found
