"""Calibration: the source of the activation ranges of an int8 model.

Ranges are measured on faces from FER2013's Training split or from photos. The ranges measured on
FER2013 are also stored beside the shipped float model, so that machines without FER2013 write the
same file.
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
"""Operator that produces the tensor (or "input"), smallest and largest value."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Ranges of all activation tensors, in the order of the float file.

    Attributes:
        tflite: Ranges of the float .tflite file.
        onnx: Ranges of the float .onnx file, which fuses batch normalization differently.
    """

    tflite: tuple[Range, ...]
    onnx: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Source of activation ranges: either faces or stored ranges.

    Attributes:
        description: What the source is, for output and sidecars.
        faces: Model inputs, uint8 (n, height, width), range [0, 255], or None.
        ranges: Stored ranges, or None.
    """

    description: str
    faces: NDArray[np.uint8] | None = None
    ranges: Ranges | None = None


@dataclass(frozen=True, slots=True)
class StoredCalibration:
    """Contents of a calibration file.

    Attributes:
        calibration: The stored ranges.
        mean_faces: Mean of the Training faces of each expression, uint8 (7, 48, 48).
    """

    calibration: Calibration
    mean_faces: NDArray[np.uint8]


def calibration_from_training(
    data: Fer2013, samples: int, spec: InputSpec, seed: int = 0
) -> Calibration:
    """Sample deduplicated Training faces, the same number per expression.

    Args:
        data: FER2013.
        samples: Number of faces, rounded up to a multiple of the number of expressions.
        spec: Input of the model.
        seed: Random seed of the sample.

    Raises:
        InputError: If an expression has too few faces.
    """
    rng = np.random.default_rng(seed)
    rows = data.rows(TRAINING, deduplicated=True)
    classes = len(FER2013_LABELS)
    each = -(-samples // classes)
    of_class = [rows[data.emotion[rows] == number] for number in range(classes)]
    rarest = min(range(classes), key=lambda number: len(of_class[number]))
    fewest = len(of_class[rarest])
    if fewest < each:
        advice = f"use --calibration-samples {classes * fewest}" if fewest else "add faces"
        raise InputError(
            f"calibration needs {each} faces of {FER2013_LABELS[rarest]}, "
            f"but Training has {fewest}: {advice}"
        )
    chosen = [rng.choice(faces, each, replace=False) for faces in of_class]
    pixels = data.pixels[rng.permutation(np.concatenate(chosen))]
    faces = to_inputs(list(pixels), spec, "grey")
    return Calibration(f"{len(faces)} faces of FER2013 Training, seed {seed}", faces)


def calibration_from_photos(
    folder: Path, samples: int, spec: InputSpec, seed: int = 0
) -> Calibration:
    """Detect and crop the faces of all photos in a folder, as the SDK does for inference.

    Args:
        folder: Folder of JPEG, PNG, WebP and BMP files; subfolders are included.
        samples: Largest number of faces; if there are more, a random sample is used.
        spec: Input of the model.
        seed: Random seed of the sample.

    Raises:
        InputError: If the folder or a photo cannot be read, or there are too few faces.
    """
    if not folder.is_dir():
        raise InputError(f"--calibration must be a folder of photos, but {folder} is not a folder")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTOS)
    crops, without = [], 0
    detector = YuNet()
    for path in progress_bar(iterable=paths, desc="detect faces", unit=" photo"):
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
            f"contain {len(crops)}: add photos of faces"
        )
    order = np.random.default_rng(seed).permutation(len(crops))[:samples]
    faces = np.stack(crops)[order]
    description = (
        f"{len(faces)} of {len(crops)} faces in {len(paths)} photos, {without} without a face"
    )
    return Calibration(description, faces)


def calibration_path(model: Path) -> Path:
    """Return the path of a float model's calibration file, `MODEL.calibration.json`."""
    return model.with_name(model.name + ".calibration.json")


def write_calibration(model: Path, calibration: Calibration, ranges: Ranges, data: Fer2013) -> Path:
    """Write the calibration file of a float model.

    Args:
        model: The `.keras` file.
        calibration: The faces on which the ranges were measured.
        ranges: The measured ranges.
        data: FER2013; the mean faces are computed from its Training split.

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
        "faces": calibration.description,
        **asdict(ranges),
        "mean_faces_png": base64.b64encode(cv2.imencode(".png", picture)[1].tobytes()).decode(),
    }
    path = calibration_path(model)
    with write_beside(path) as temporary:
        temporary.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    return path


def read_calibration(source: ModelBundle) -> StoredCalibration:
    """Read the calibration file of a float model.

    Raises:
        InputError: If the file does not exist.
        BundleError: If the file is damaged or belongs to another model.
    """
    import cv2

    path = calibration_path(source.path)
    if not path.is_file():
        raise InputError(f"no stored calibration at {path}")
    try:
        text = json.loads(path.read_text(encoding="utf-8"))
        if text["schema"] != SCHEMA:
            raise ValueError(f"schema must be {SCHEMA}, but is {text['schema']!r}")
        ranges = Ranges(
            *(
                tuple((str(name), float(low), float(high)) for name, low, high in text[kind])
                for kind in ("tflite", "onnx")
            )
        )
        png = np.frombuffer(base64.b64decode(text["mean_faces_png"], validate=True), np.uint8)
        picture = cv2.imdecode(png, cv2.IMREAD_GRAYSCALE)
        if picture is None or picture.shape[0] != len(FER2013_LABELS) * picture.shape[1]:
            raise ValueError("mean_faces_png is not seven square faces")
        faces, owner = str(text["faces"]), text["float_sha256"]
    except (OSError, ValueError, TypeError, KeyError, binascii.Error, cv2.error) as error:
        raise BundleError(
            f"{path} is damaged: {error!r}; run `fer-convert calibrate` again"
        ) from error
    if owner != sha256_of(source.path):
        raise BundleError(
            f"{path} does not belong to {source.path}: run `fer-convert calibrate` again"
        )
    means = picture.reshape(len(FER2013_LABELS), -1, picture.shape[1])
    return StoredCalibration(
        Calibration(f"stored ranges of {faces}", ranges=ranges), np.asarray(means, np.uint8)
    )
