"""What tells an int8 model the range of every activation: faces, or ranges stored once.

Faces come from FER2013's Training split or from photos. The ranges that FER2013 gives are also
stored beside the shipped float model, so that a machine without FER2013 makes the same file.
"""

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.cli.console import progress_bar
from fer_sdk.detectors.yunet import YuNet
from fer_sdk.errors import BundleError, InputError
from fer_sdk.evaluation.fer2013 import TRAINING, Fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.labels import FER2013_LABELS
from fer_sdk.preprocess import InputSpec, crop_face, to_inputs

SCHEMA: Final = 1
FEWEST_FACES: Final = 20

PHOTOS: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp")

Range = tuple[str, float, float]
"""What makes the tensor (an operator, or "input"), its least and its largest number."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Range of every tensor between operators, in the order of the float file.

    Attributes:
        tflite: Of the float .tflite file.
        onnx: Of the float .onnx file; its batch normalisation is folded elsewhere.
    """

    tflite: tuple[Range, ...]
    onnx: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Faces, or stored ranges; never both.

    Attributes:
        words: What it is, for people and for the sidecar.
        faces: uint8 (n, height, width), or None.
        ranges: Stored ranges, or None.
    """

    words: str
    faces: NDArray[np.uint8] | None = None
    ranges: Ranges | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What a statistics file holds.

    Attributes:
        calibration: The stored ranges.
        mean_faces: The mean of Training's faces of each expression, uint8 (7, 48, 48).
    """

    calibration: Calibration
    mean_faces: NDArray[np.uint8]


def training_faces(data: Fer2013, samples: int, spec: InputSpec, seed: int = 0) -> Calibration:
    """Draw faces from Training, the same number of each expression.

    Args:
        data: FER2013.
        samples: How many faces; rounded up to a multiple of the classes.
        spec: Input of the model.
        seed: Same seed, same faces.

    Raises:
        InputError: If a class has too few faces.
    """
    rng = np.random.default_rng(seed)
    rows = data.rows(TRAINING, deduplicated=True)
    classes = len(FER2013_LABELS)
    each = -(-samples // classes)
    of_class = [rows[data.emotion[rows] == number] for number in range(classes)]
    rarest = min(range(classes), key=lambda number: len(of_class[number]))
    fewest = len(of_class[rarest])
    if fewest < each:
        cure = f"--calibration-samples {classes * fewest} takes all" if fewest else "add some"
        raise InputError(
            f"calibration asks for {each} faces of {FER2013_LABELS[rarest]}, "
            f"but Training has {fewest}: {cure}"
        )
    chosen = [rng.choice(faces, each, replace=False) for faces in of_class]
    drawn = data.pixels[rng.permutation(np.concatenate(chosen))]
    faces = to_inputs(list(drawn), spec, "grey")
    return Calibration(f"{len(faces)} faces of FER2013 Training, seed {seed}", faces)


def photo_faces(folder: Path, samples: int, spec: InputSpec, seed: int = 0) -> Calibration:
    """Find and crop the faces of all photos in a folder, as the SDK does for a model.

    Args:
        folder: JPEG, PNG, WebP and BMP files, also in folders below.
        samples: At most so many faces are drawn.
        spec: Input of the model.
        seed: Same seed, same faces.

    Raises:
        InputError: If the folder or a photo cannot be read, or there are too few faces.
    """
    if not folder.is_dir():
        raise InputError(f"--calibration must be a folder of photos, but {folder} is none")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTOS)
    crops, without = [], 0
    detector = YuNet()
    for path in progress_bar(iterable=paths, desc="find faces", unit=" photo"):
        photo = read_photo(path, convert=True)
        found = detector.detect(photo)
        without += not found
        for face in found:
            points = face.landmarks
            crops.append(
                crop_face(
                    photo,
                    spec,
                    right_eye=points.right_eye,
                    left_eye=points.left_eye,
                    mouth=points.mouth,
                    color="bgr",
                )
            )
    if len(crops) < FEWEST_FACES:
        raise InputError(
            f"calibration needs {FEWEST_FACES} faces, but {len(paths)} photos in {folder} "
            f"show {len(crops)}: add photos of faces"
        )
    order = np.random.default_rng(seed).permutation(len(crops))[:samples]
    faces = np.stack(crops)[order]
    words = f"{len(faces)} of {len(crops)} faces in {len(paths)} photos, {without} without a face"
    return Calibration(words, faces)


def statistics_of(model: Path) -> Path:
    """Return the path of a float model's stored statistics: the model's with more added."""
    return model.with_name(model.name + ".calibration.json")


def store(model: Path, calibration: Calibration, ranges: Ranges, data: Fer2013) -> Path:
    """Write a float model's statistics beside it.

    Args:
        model: The `.keras` file.
        calibration: The faces that gave the ranges.
        ranges: What they gave.
        data: FER2013, whose Training faces give the mean faces.

    Returns:
        Path of the file.
    """
    import cv2

    rows = data.rows(TRAINING, deduplicated=True)
    means = [
        data.pixels[rows[data.emotion[rows] == number]].mean(axis=0)
        for number in range(len(FER2013_LABELS))
    ]
    picture = np.rint(np.vstack(means)).astype(np.uint8)
    text = {
        "schema": SCHEMA,
        "float_sha256": sha256_of(model),
        "faces": calibration.words,
        **asdict(ranges),
        "mean_faces_png": base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode(),
    }
    path = statistics_of(model)
    with write_beside(path) as temporary:
        temporary.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    return path


def load_stored(source: ModelBundle) -> Stored:
    """Read the statistics stored beside a float model.

    Raises:
        InputError: If there are none.
        BundleError: If they are damaged or another model's.
    """
    import cv2

    path = statistics_of(source.path)
    if not path.is_file():
        raise InputError(f"no stored calibration at {path}")
    try:
        text = json.loads(path.read_text(encoding="utf-8"))
        if text["schema"] != SCHEMA:
            raise ValueError(f"schema must be {SCHEMA}, but is {text['schema']!r}")
        ranges = Ranges(
            *(
                tuple((str(maker), float(low), float(high)) for maker, low, high in text[kind])
                for kind in ("tflite", "onnx")
            )
        )
        png = np.frombuffer(base64.b64decode(text["mean_faces_png"], validate=True), np.uint8)
        picture = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
        if picture is None or picture.shape[0] != len(FER2013_LABELS) * picture.shape[1]:
            raise ValueError("mean_faces_png is not seven square faces")
        words, owner = str(text["faces"]), text["float_sha256"]
    except (OSError, ValueError, TypeError, KeyError, binascii.Error, cv2.error) as error:
        raise BundleError(f"{path} is damaged: {error!r}; write it again") from error
    if owner != sha256_of(source.path):
        raise BundleError(f"{path} belongs to another model than {source.path}: write it again")
    means = picture.reshape(len(FER2013_LABELS), -1, picture.shape[1])
    return Stored(
        Calibration(f"stored ranges of {words}", ranges=ranges), np.asarray(means, np.uint8)
    )
