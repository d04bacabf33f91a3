"""What a file is, and how two files differ."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_convert.compatibility import onnx_compatibility, tflite_compatibility
from fer_sdk._internal.files import sha256_of
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.inspect import Contents, inspect
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import BundleError, FerError
from fer_sdk.runtimes import RUNTIMES, open_session


@dataclass(frozen=True, slots=True)
class FileReport:
    """What there is to know about a file without running it on faces.

    Attributes:
        path: The file.
        size_bytes: Of the file.
        sha256: Of the file.
        sidecar: "belongs to it", or what is wrong.
        runtimes: For each of the SDK's runtimes that takes such files: "loads", or what it says.
        compatibility: Delegates, oldest runtime, opset: name and answer.
        contents: Ports, tensors and operators.
    """

    path: str
    size_bytes: int
    sha256: str
    sidecar: str
    runtimes: dict[str, str]
    compatibility: dict[str, str]
    contents: Contents

    def as_json(self) -> str:
        """Return the report as one JSON object."""
        return json.dumps({"schema": 1, **asdict(self)}, indent=1)

    def as_text(self) -> str:
        """Return the report as lines."""
        found = self.contents
        lines = [f"{self.path}: {self.size_bytes:,} bytes, sha256 {self.sha256}"]
        for kind, ports in (("input", found.inputs), ("output", found.outputs)):
            lines += [f"{kind:<12}{port.name}: {port.numbers} {port.shape}" for port in ports]
        lines += [
            f"cost        {found.parameters:,} parameters, "
            f"{found.multiply_accumulates / 1e6:.2f} million multiply-accumulates",
            "tensors     " + ", ".join(f"{n} {name}" for name, n in found.tensors.items()),
            "operators   " + ", ".join(f"{n} {name}" for name, n in found.operators.items()),
            f"sidecar     {self.sidecar}",
        ]
        told = {**self.compatibility, **self.runtimes}
        lines += [f"{name:<12}{answer}" for name, answer in told.items()]
        return "\n".join(lines)


def inspect_file(path: Path) -> FileReport:
    """Look into a file and try every runtime that is here.

    Args:
        path: A .tflite or .onnx file, own or foreign.

    Raises:
        InputError: If it is neither, or cannot be read.
        MissingDependencyError: If an .onnx file comes without the package onnx.
    """
    with captured_native_log():
        contents = inspect(path)
    try:
        ModelBundle.load(path)
        sidecar = "belongs to it"
    except BundleError as error:
        sidecar = str(error)
    return FileReport(
        path=str(path),
        size_bytes=path.stat().st_size,
        sha256=sha256_of(path),
        sidecar=sidecar,
        runtimes=try_runtimes(path),
        compatibility=_COMPATIBILITY[path.suffix](path),
        contents=contents,
    )


_COMPATIBILITY: Final = {".tflite": tflite_compatibility, ".onnx": onnx_compatibility}


def try_runtimes(path: Path) -> dict[str, str]:
    """Return what each of the SDK's runtimes for such files says of one: "loads", or its error."""
    found = {
        name: _try_runtime(path, name, "cpu")
        for name, (suffix, _) in RUNTIMES.items()
        if suffix == path.suffix
    }
    if path.suffix == ".tflite":
        found["litert (gpu)"] = _try_runtime(path, "litert", "gpu")
    return found


def _try_runtime(path: Path, runtime: str, delegate: str) -> str:
    try:
        if delegate == "gpu":  # captures the native log itself
            open_session(path, runtime=runtime, delegate=delegate).close()
        else:
            with captured_native_log():
                open_session(path, runtime=runtime).close()
    except FerError as error:
        return str(error)
    return "loads"


@dataclass(frozen=True, slots=True)
class Difference:
    """How the answers of two bundles differ on the same faces.

    Attributes:
        faces: Number of faces.
        agreement: Share of faces with the same label, 0 to 1.
        largest_difference: Of a probability.
        mean_difference: Of a probability.
    """

    faces: int
    agreement: float
    largest_difference: float
    mean_difference: float


def difference(first: Path, second: Path, faces: NDArray[np.uint8]) -> Difference:
    """Run two bundles on the same faces, uint8 (n, height, width).

    Raises:
        FerError: If a bundle is damaged or its runtime is missing.
        BundleError: If the two have other labels.
    """
    answers, labels = [], []
    for path in (first, second):
        with captured_native_log():
            classifier = ExpressionClassifier.load(path)
        with classifier:
            answers.append(classifier.probabilities(faces))
            labels.append(classifier.bundle.labels)
    if labels[0] != labels[1]:
        raise BundleError(f"{first} names {labels[0]}, but {second} names {labels[1]}")
    apart = np.abs(answers[0] - answers[1])
    return Difference(
        faces=len(faces),
        agreement=float((answers[0].argmax(axis=1) == answers[1].argmax(axis=1)).mean()),
        largest_difference=float(apart.max()),
        mean_difference=float(apart.mean()),
    )
