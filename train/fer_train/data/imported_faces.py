"""Faces from other sources than FER2013, cut out by the SDK, as one .npz file.

The file holds `pixels`, uint8 (n, 48, 48), one array of length n for each column, and `manifest`,
JSON text with source, license and number of faces. Faces that are near copies of a face in
FER2013's test splits are left out: training on them would raise the scores on those splits.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import write_beside
from fer_sdk.batch.photos import find_photos
from fer_sdk.detectors.base import FaceDetector
from fer_sdk.errors import FerError, InputError
from fer_sdk.evaluation import face_pack
from fer_sdk.evaluation.fer2013 import PRIVATE_TEST, PUBLIC_TEST, SIDE, Fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.preprocess import FER2013_INPUT, crop_face

SCHEMA: Final = 1
MAX_SIMILARITY: Final = 0.8
"""Faces with a higher correlation to a test face count as near copies of it. Copies that were cut
again, a few degrees and half a pixel off, nearly all reach 0.8, other faces hardly ever."""
_THUMBNAIL: Final = 16
_CHUNK: Final = 2048

Report = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ImportedFaces:
    """Faces without expression labels.

    Attributes:
        pixels: uint8 (n, 48, 48), range [0, 255].
        columns: Further values per face, arrays of length n by name.
        source: Name of the pack or folder.
        license: License of the source, as its importer stated it.
    """

    pixels: NDArray[np.uint8]
    columns: dict[str, NDArray[Any]]
    source: str
    license: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the pixels."""
        return hashlib.sha256(np.ascontiguousarray(self.pixels).tobytes()).hexdigest()

    def subset(self, kept: NDArray[np.bool_]) -> "ImportedFaces":
        """Return the faces for which `kept`, bool (n,), is True."""
        columns = {name: values[kept] for name, values in self.columns.items()}
        return ImportedFaces(self.pixels[kept], columns, self.source, self.license)


def from_pack(path: Path, license_name: str, split: str | None = None) -> ImportedFaces:
    """Read a face pack.

    Args:
        path: File as `fer_sdk.evaluation.face_pack` describes it.
        license_name: License of the pack.
        split: Take only faces with this value in the column `split`; None takes all.

    Raises:
        InputError: If the pack is damaged, or has no such split.
    """
    pack = face_pack.load(path)
    if split is not None:
        pack = pack.subset(split)
    return ImportedFaces(pack.pixels, pack.columns, path.name, license_name)


def from_photos(
    folder: Path,
    license_name: str,
    detector: FaceDetector,
    report: Report = lambda photos: None,
) -> tuple[ImportedFaces, list[str]]:
    """Cut the faces out of all photos below a folder.

    Args:
        folder: Folder of photos, at any depth.
        license_name: License of the photos.
        detector: Face detector.
        report: Called with 1 after each photo.

    Returns:
        The faces, with the columns `photo` (path below the folder) and `score` (the detector's),
        and one line for each photo that cannot be read.

    Raises:
        InputError: If no face is found.
    """
    pixels, names, scores, failures = [], [], [], []
    for photo in find_photos(folder):
        try:
            image = read_photo(photo, convert=True)
        except FerError as error:
            failures.append(str(error))
            report(1)
            continue
        for face in detector.detect(image):
            points = face.landmarks
            pixels.append(
                crop_face(
                    image,
                    FER2013_INPUT,
                    right_eye=points.right_eye,
                    left_eye=points.left_eye,
                    mouth=points.mouth,
                    color="bgr",
                )
            )
            names.append(str(Path(photo).relative_to(folder)))
            scores.append(face.score)
        report(1)
    if not pixels:
        raise InputError(f"no face was found in the photos of {folder}")
    columns = {"photo": np.array(names), "score": np.array(scores, np.float32)}
    return ImportedFaces(np.stack(pixels), columns, folder.name, license_name), failures


def near_copies(
    faces: NDArray[np.uint8], data: Fer2013, threshold: float = MAX_SIMILARITY
) -> NDArray[np.bool_]:
    """Return which faces are near copies of a face in FER2013's test splits, or its mirror image.

    Two faces are compared by the correlation of their thumbnails after high-pass filtering, which
    ignores brightness, contrast and compression.

    Args:
        faces: uint8 (n, 48, 48), range [0, 255].
        data: FER2013.
        threshold: Least correlation of a near copy, 0 to 1.

    Returns:
        Bool (n,).
    """
    tests = data.pixels[data.rows(PUBLIC_TEST, PRIVATE_TEST)]
    references = np.concatenate([_thumbnails(tests), _thumbnails(tests[:, :, ::-1])])
    found = np.zeros(len(faces), np.bool_)
    for first in range(0, len(faces), _CHUNK):
        chunk = _thumbnails(faces[first : first + _CHUNK])
        found[first : first + _CHUNK] = (chunk @ references.T).max(axis=1, initial=0) > threshold
    return found


def _thumbnails(faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return high-pass filtered thumbnails of length 1, float32 (n, 256); 0 for flat faces."""
    block = SIDE // _THUMBNAIL
    blocks = faces.reshape(len(faces), _THUMBNAIL, block, _THUMBNAIL, block)
    small = blocks.mean(axis=(2, 4), dtype=np.float32)
    padded = np.pad(small, ((0, 0), (2, 2), (2, 2)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2))
    details = (small - windows.mean(axis=(3, 4), dtype=np.float32)).reshape(len(faces), -1)
    details -= details.mean(axis=1, keepdims=True)
    length = np.linalg.norm(details, axis=1, keepdims=True)
    return np.asarray(
        np.divide(details, length, out=np.zeros_like(details), where=length > 1e-3), np.float32
    )


def save(faces: ImportedFaces, path: Path) -> None:
    """Write faces to one .npz file."""
    manifest = {"schema": SCHEMA, "source": faces.source, "license": faces.license}
    columns: dict[str, Any] = {f"column_{name}": each for name, each in faces.columns.items()}
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file, pixels=faces.pixels, manifest=np.array(json.dumps(manifest)), **columns
        )


def load(path: Path) -> ImportedFaces:
    """Read a file that `save` wrote.

    Raises:
        InputError: If the file is missing or damaged, or holds something else.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            pixels, manifest = archive["pixels"], json.loads(str(archive["manifest"]))
            columns = {
                name.removeprefix("column_"): archive[name]
                for name in archive.files
                if name.startswith("column_")
            }
        if manifest["schema"] != SCHEMA or pixels.dtype != np.uint8:
            raise ValueError(f"schema {manifest['schema']}, pixels {pixels.dtype}")
        if pixels.shape[1:] != (SIDE, SIDE) or any(len(x) != len(pixels) for x in columns.values()):
            raise ValueError(f"pixels {pixels.shape}, columns of other lengths")
        return ImportedFaces(pixels, columns, manifest["source"], manifest["license"])
    except FileNotFoundError as error:
        raise InputError(
            f"no faces at {path}: import them with `fer-train import-faces`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a readable file of imported faces: {error}") from error
