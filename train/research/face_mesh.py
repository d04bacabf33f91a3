"""Landmarks of FER2013's faces, found by MediaPipe's face mesh (Kartynnik et al. 2019).

https://arxiv.org/abs/1907.06724; the model, face_landmark.tflite (Apache-2.0), is not part of this
package.
"""

import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import SIDE, Fer2013

MESH_POINTS: Final = 468
MODEL_SIDE: Final = 192
MARGIN: Final = 8
"""Pixels of 48 that are added around a face, since the model expects room around it."""

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
"""Vertices of the mesh that stand for the 72 classical points, by part of the face, from the
image's left to its right; lips and eyes go round from their left corner over the top."""

PLACES: Final = {
    name: slice(start, start + len(GROUPS[name]))
    for name, start in zip(
        GROUPS, np.cumsum([0, *map(len, GROUPS.values())]).tolist(), strict=False
    )
}
"""Where each part lies among the 72 points."""


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Landmarks of every row of FER2013.

    Attributes:
        points: float32 (n, 72, 2), x and y in pixels of the 48x48 face; pixel centres are whole.
        presence: float32 (n,), how sure the model is that there is a face, 0 to 1.
        data: Fingerprint of the FER2013 that the rows are of.
        model: SHA-256 of the model.
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
        report: Told about every face.

    Raises:
        InputError: If the model is missing or not a face mesh.
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
    """Write landmarks as one .npz."""
    manifest = json.dumps({"schema": 1, "data": landmarks.data, "model": landmarks.model})
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            points=landmarks.points.astype(np.float16),  # a 64th of a pixel
            presence=landmarks.presence.astype(np.float16),
            manifest=np.array(manifest),
        )


def load(path: Path, data: Fer2013) -> Landmarks:
    """Read landmarks and check that they are of this data.

    Raises:
        InputError: If the file is missing, damaged or of other faces.
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
        raise InputError(f"no landmarks at {path}: `fer-train mesh` writes them") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} holds no readable landmarks: {error}") from error
    if landmarks.data != data.fingerprint or len(landmarks.points) != len(data.pixels):
        raise InputError(
            f"{path} is of the data {landmarks.data[:12]}..., "
            f"but the faces are {data.fingerprint[:12]}..."
        )
    return landmarks


def _open(model: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    if not model.is_file():
        raise InputError(f"no face mesh at {model}: give MediaPipe's face_landmark.tflite")
    try:
        interpreter = Interpreter(model_content=model.read_bytes())
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"the runtime refuses {model}: {error}") from error
    return interpreter


def _outputs(interpreter: Any, model: Path) -> tuple[int, int]:
    """Return the tensors of the mesh and of the presence."""
    sizes = {int(np.prod(x["shape"])): x["index"] for x in interpreter.get_output_details()}
    inputs = interpreter.get_input_details()[0]["shape"].tolist()
    if set(sizes) != {3 * MESH_POINTS, 1} or inputs != [1, MODEL_SIDE, MODEL_SIDE, 3]:
        raise InputError(
            f"{model} is no face mesh: expected {MESH_POINTS} points of a {MODEL_SIDE} px face, "
            f"but it takes {inputs} and gives {sorted(sizes)} numbers"
        )
    return sizes[3 * MESH_POINTS], sizes[1]
