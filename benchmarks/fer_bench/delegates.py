"""What `--delegate` means, and the truth about where a model ran."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.native_log import caught_native_log
from fer_sdk.runtimes import Session, open_session
from fer_sdk.runtimes.litert_gpu import GpuSession

DELEGATES: Final = {"cpu": None, "gpu": "litert-gpu", "tflite": "tflite"}
"""Name of each delegate and the SDK's runtime for it; None is the file's own, on the CPU."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How a delegate's answers differ from the CPU's on the same faces.

    Attributes:
        faces: Number of faces.
        largest_difference: Of a logit, in units of the logits' own spread (standard deviation).
        agreement: Share of faces with the same label, 0 to 1.
    """

    faces: int
    largest_difference: float
    agreement: float


def open_delegate(model: Path, delegate: str, threads: int) -> Session:
    """Open a model on a delegate, whole or not at all.

    Raises:
        NoAdapterError: If the GPU was asked for and there is none.
        FerError: As `fer_sdk.runtimes.open_session` does.
    """
    if delegate == "gpu":  # reads the native log itself, for the adapter's name
        return open_session(model, runtime=DELEGATES[delegate], threads=threads)
    with caught_native_log():
        return open_session(model, runtime=DELEGATES[delegate], threads=threads)


def where_it_runs(session: Session) -> str:
    """Return the adapter that a session runs on, a software one called so."""
    if isinstance(session, GpuSession):
        return f"{'software' if session.software else 'hardware'} adapter: {session.adapter}"
    return "CPU"


def compare_with_cpu(session: Session, model: Path, faces: NDArray[np.uint8]) -> Parity:
    """Run the same faces, uint8 (n, height, width), on the CPU and compare."""
    reference = open_delegate(model, "cpu", 1)
    expected, given = reference.run(faces), session.run(faces)
    reference.close()
    return Parity(
        faces=len(faces),
        largest_difference=float(np.abs(expected - given).max() / expected.std()),
        agreement=float((expected.argmax(axis=1) == given.argmax(axis=1)).mean()),
    )
