"""Landmarks of FER2013's faces by MediaPipe's face mesh, for the study of landmarks.

    python -m research.face_mesh face_landmark.tflite --out data/mesh.npz

Face mesh: Kartynnik et al. 2019, https://arxiv.org/abs/1907.06724. The model, face_landmark.tflite
(Apache-2.0), is not part of this repository.
"""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.fer2013 import SIDE, Fer2013

MESH_POINTS: Final = 468
MODEL_SIDE: Final = 192
MARGIN: Final = 8
"""Pixels of 48 added around each face, because the model expects a margin."""

GROUPS: Final[dict[str, tuple[int, ...]]] = {
    "chin": (
        162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    ),
    "right_brow": (71, 63, 105, 66, 107),
    "left_brow": (336, 296, 334, 293, 301),
    "nose_bridge": (168, 197, 5, 4),
    "nose_tip": (75, 97, 2, 326, 305),
    "right_eye": (33, 160, 158, 133, 153, 144),
    "left_eye": (362, 385, 387, 263, 373, 380),
    "outer_lip": (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),
    "inner_lip": (78, 80, 82, 13, 312, 310, 308, 318, 317, 14, 87, 88),
}  # fmt: skip
"""Mesh vertices of 72 landmarks, by part of the face, from left to right in the image.

Eyes and lips run clockwise from their left corner.
"""

PLACES: Final = {
    name: slice(start, start + len(GROUPS[name]))
    for name, start in zip(
        GROUPS, np.cumsum([0, *map(len, GROUPS.values())]).tolist(), strict=False
    )
}
"""Slice of each part among the 72 points."""


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Landmarks of all FER2013 faces.

    Attributes:
        points: float32 (n, 72, 2), x and y in pixels of the 48x48 face; pixel centres have integer
            coordinates.
        presence: float32 (n,), the model's probability that there is a face.
        data: Fingerprint of the FER2013 data.
        model: SHA-256 of the model file.
    """

    points: NDArray[np.float32]
    presence: NDArray[np.float32]
    data: str
    model: str


def find_landmarks(
    model: Path, data: Fer2013, report: Callable[[int], None] = lambda faces: None
) -> Landmarks:
    """Run the face mesh on every face.

    Args:
        model: MediaPipe's face_landmark.tflite: RGB in [0, 1], 192x192, 468 points.
        data: FER2013.
        report: Called with 1 after each face.

    Raises:
        InputError: If the model is missing or has other inputs or outputs.
    """
    interpreter = _open(model)
    entry = interpreter.get_input_details()[0]["index"]
    mesh, presence = _outputs(interpreter, model)
    chosen = [vertex for group in GROUPS.values() for vertex in group]
    scale = (SIDE + 2 * MARGIN) / MODEL_SIDE
    points = np.zeros((len(data.pixels), len(chosen), 2), np.float32)
    certainty = np.zeros(len(data.pixels), np.float32)
    for row, face in enumerate(data.pixels):
        framed = cv2.copyMakeBorder(face, MARGIN, MARGIN, MARGIN, MARGIN, cv2.BORDER_REPLICATE)
        large = cv2.resize(framed, (MODEL_SIDE, MODEL_SIDE), interpolation=cv2.INTER_LINEAR)
        levels = np.repeat(large[None, :, :, None].astype(np.float32) / 255, 3, axis=3)
        interpreter.set_tensor(entry, levels)
        interpreter.invoke()
        vertices = interpreter.get_tensor(mesh).reshape(MESH_POINTS, 3)[chosen, :2]
        points[row] = (vertices + 0.5) * scale - 0.5 - MARGIN
        logit = float(interpreter.get_tensor(presence).item())
        certainty[row] = 1 / (1 + np.exp(-logit))
        report(1)
    return Landmarks(points, certainty, data.fingerprint, sha256_of(model))


def save(landmarks: Landmarks, path: Path) -> None:
    """Write landmarks to one .npz file."""
    manifest = json.dumps({"schema": 1, "data": landmarks.data, "model": landmarks.model})
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            points=landmarks.points.astype(np.float16),  # accurate to 1/64 pixel
            presence=landmarks.presence.astype(np.float16),
            manifest=np.array(manifest),
        )


def load(path: Path, data: Fer2013) -> Landmarks:
    """Read landmarks and check that they belong to this data.

    Raises:
        InputError: If the file is missing or damaged, or belongs to other data.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            points, presence = archive["points"], archive["presence"]
            manifest = json.loads(str(archive["manifest"]))
        landmarks = Landmarks(
            points.astype(np.float32),
            presence.astype(np.float32),
            manifest["data"],
            manifest["model"],
        )
    except FileNotFoundError as error:
        raise InputError(
            f"no landmarks at {path}: create them with `python -m research.face_mesh`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a readable landmarks file: {error}") from error
    if landmarks.data != data.fingerprint or len(landmarks.points) != len(data.pixels):
        raise InputError(
            f"{path} belongs to the data {landmarks.data[:12]}..., "
            f"but the loaded data is {data.fingerprint[:12]}..."
        )
    return landmarks


def _open(model: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    if not model.is_file():
        raise InputError(f"no model at {model}: download MediaPipe's face_landmark.tflite")
    try:
        interpreter = Interpreter(model_content=model.read_bytes())
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"the runtime cannot load {model}: {error}") from error
    return interpreter


def _outputs(interpreter: Any, model: Path) -> tuple[int, int]:
    """Return the indices of the output tensors of mesh and presence."""
    sizes = {int(np.prod(x["shape"])): x["index"] for x in interpreter.get_output_details()}
    inputs = interpreter.get_input_details()[0]["shape"].tolist()
    if set(sizes) != {3 * MESH_POINTS, 1} or inputs != [1, MODEL_SIDE, MODEL_SIDE, 3]:
        raise InputError(
            f"{model} is not a face mesh: expected {MESH_POINTS} points of a {MODEL_SIDE} px face, "
            f"but its input is {inputs} and its outputs have {sorted(sizes)} values"
        )
    return sizes[3 * MESH_POINTS], sizes[1]


@click.command(cls=FerCommand)
@click.argument("model", type=click.Path(path_type=Path))
@DATA_OPTION
@click.option("--out", type=click.Path(path_type=Path), default=Path("data/mesh.npz"),
              show_default=True, help="File to write.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace the file at --out.")
def main(model: Path, data: Path, out: Path, overwrite: bool) -> None:
    """Find 72 landmarks of every face with MODEL, MediaPipe's face_landmark.tflite."""
    if out.exists() and not overwrite:
        raise InputError(f"{out} already exists: add --overwrite or another --out")
    dataset = fer2013.load(data)
    with progress_bar(total=len(dataset.pixels), desc="landmarks", unit=" faces") as bar:
        found = find_landmarks(model, dataset, bar.update)
    save(found, out)
    click.echo(f"presence above 0.5 for {np.mean(found.presence > 0.5):.1%} of "
               f"{len(found.points):,} faces")  # fmt: skip
    click.echo(str(out))


if __name__ == "__main__":
    main()
