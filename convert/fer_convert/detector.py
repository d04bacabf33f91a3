"""Conversion of the face detector YuNet to .tflite files with sidecars."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fer_convert.calibration import PHOTOS
from fer_convert.detector_gate import DetectorParity, check_detector
from fer_convert.quantize import calibrated_on_images, quantize_int8
from fer_convert.yunet import Network, read_network
from fer_sdk._internal.files import sha256_of
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.detector import (
    COLUMNS,
    MULTIPLE,
    STRIDES,
    UNIT_FACTORS,
    DetectorBundle,
    DetectorPrecision,
    Factors,
)
from fer_sdk.detectors.decoding import sigmoid
from fer_sdk.detectors.tiles import fitted_wh
from fer_sdk.errors import InputError
from fer_sdk.inputs.images import read_photo
from fer_sdk.preprocess import resize

SIDE: Final = 640
"""Input side stored in the file; a runtime can resize it to any multiple of 32."""
FEWEST_PHOTOS: Final = 10
FEWEST_CELLS: Final = 20
FACE_SCORE: Final = 0.3
"""Cells with this score or more define the factors: int8 may saturate in all others."""
MARGIN: Final = 1.1
"""Factors are this much larger than the largest value of a face."""
LEAST_LOGIT: Final = 6.0
"""Least factor of a logit: a saturated background cell has a probability of at most .25 %."""

PRECISIONS: Final[tuple[DetectorPrecision, ...]] = get_args(DetectorPrecision)


@dataclass(frozen=True, slots=True)
class DetectorPhotos:
    """Images for calibration and for the parity gate.

    Attributes:
        description: What they are, for output and sidecars.
        calibration: uint8 (640, 640, 3) each, BGR.
        parity: The same, of other photos.
    """

    description: str
    calibration: tuple[NDArray[np.uint8], ...]
    parity: tuple[NDArray[np.uint8], ...]


@dataclass(frozen=True, slots=True)
class ConvertedDetector:
    """A written file and its comparison with OpenCV."""

    path: Path
    parity: DetectorParity


def load_photos(folder: Path, count: int) -> DetectorPhotos:
    """Read photos and place each, and a mosaic of smaller copies of it, on a square.

    Every second photo is for the parity gate.

    Args:
        folder: Folder of JPEG, PNG, WebP and BMP files; subfolders are included.
        count: Largest number of photos; if there are more, evenly spaced ones are used.

    Raises:
        InputError: If the folder or a photo cannot be read, or there are too few.
    """
    if not folder.is_dir():
        raise InputError(f"--photos must be a folder of photos, but {folder} is not a folder")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTOS)
    if len(paths) < FEWEST_PHOTOS:
        raise InputError(
            f"a detector needs at least {FEWEST_PHOTOS} photos, but {folder} has {len(paths)}"
        )
    chosen = [paths[i] for i in np.linspace(0, len(paths) - 1, min(count, len(paths))).astype(int)]
    images: list[list[NDArray[np.uint8]]] = [[], []]
    for number, path in enumerate(chosen):
        photo = read_photo(path, convert=True)
        images[number % 2] += [_on_square([(photo, 0, 0, SIDE)]), mosaic(photo)]
    description = f"{len(chosen)} photos at several sizes"
    return DetectorPhotos(description, tuple(images[0]), tuple(images[1]))


def mosaic(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return copies of a photo with longer sides of 320 to 40 pixels on one image.

    Args:
        photo: uint8 (height, width, 3).

    Returns:
        uint8 (640, 640, 3).
    """
    sizes = (
        (0, 0, 320),
        (320, 0, 240),
        (0, 320, 160),
        (160, 320, 120),
        (320, 320, 96),
        (416, 320, 80),
        (496, 320, 64),
        (560, 320, 56),
        (416, 400, 48),
        (464, 400, 40),
    )
    return _on_square([(photo, left, top, side) for left, top, side in sizes])


def convert_detector(
    onnx: Path,
    precisions: Sequence[DetectorPrecision],
    out: Path,
    photos: DetectorPhotos,
    *,
    name: str,
    license_name: str,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> list[ConvertedDetector]:
    """Convert YuNet and compare each file with OpenCV; if one differs, none is written.

    Args:
        onnx: YuNet's ONNX file.
        precisions: Precisions to write.
        out: Folder of the files, NAME-PRECISION.tflite.
        photos: Images for calibration and parity.
        name: First part of the file names.
        license_name: SPDX identifier of the network's license.
        on_stage: Receives the name of each stage when it starts.

    Returns:
        The written files, in the order of `precisions`.

    Raises:
        InputError: If the file is not YuNet, or the photos show too few faces of a size.
        ParityError: If a file differs from OpenCV by more than allowed.
    """
    on_stage(f"read {onnx.name}")
    network = read_network(onnx)
    float_file = float32(network)
    done = []
    with tempfile.TemporaryDirectory(prefix="fer-detector-") as folder:
        for precision in precisions:
            on_stage(f"write {precision}")
            data, factors = float_file, UNIT_FACTORS
            if precision == "int8":
                data, factors = int8(network, float_file, photos.calibration)
            path = Path(folder) / f"{name}-{precision}.tflite"
            path.write_bytes(data)
            source = {
                "network": onnx.name,
                "onnx_sha256": sha256_of(onnx),
                "converter": f"fer-sdk {version('fer-sdk')}, tensorflow {version('tensorflow')}",
            }
            if precision == "int8":
                source["calibration"] = photos.description
            bundle = DetectorBundle(path, precision, factors, license_name, source, ())
            bundle.write_sidecar()
            on_stage(f"check {precision}")
            parity = check_detector(bundle, onnx, photos.parity)
            metrics = (parity.metrics(photos.description),)
            done.append((replace(bundle, metrics=metrics), parity))
        return [_move(bundle, out, parity) for bundle, parity in done]


def float32(network: Network) -> bytes:
    """Return the network as a float32 .tflite file."""

    class Module(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec([1, SIDE, SIDE, 3], tf.float32, "image")])  # type: ignore[untyped-decorator]
        def __call__(self, image: Any) -> Any:
            return network.apply(image)

    module = Module()
    concrete = module.__call__.get_concrete_function()
    with captured_native_log():
        return bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert())


def int8(
    network: Network, float_file: bytes, images: Sequence[NDArray[np.uint8]]
) -> tuple[bytes, Factors]:
    """Quantize the network: int8 input, weights, activations and output.

    The columns of the output have ranges of their own, but share one scale. Each is therefore
    divided by the largest value that it has for a face, and each channel between the two
    convolutions of a head by its largest value; both are exact in float32.

    Args:
        network: The network.
        float_file: The network as returned by `float32`.
        images: Calibration images, uint8 (640, 640, 3), BGR.

    Returns:
        The .tflite file and the factors of its output.
    """
    factors = _face_ranges(float_file, images)
    between = _pointwise_ranges(network, images)
    heads = tuple(
        head.scaled(np.asarray(inner, np.float32), np.asarray(outer, np.float32))
        for head, inner, outer in zip(network.heads, between, factors, strict=True)
    )
    scaled = float32(replace(network, heads=heads))
    calibrated = calibrated_on_images(scaled, images, output_range=(-1.0, 1.0))
    return quantize_int8(calibrated, tf.int8, tf.int8), factors


def _face_ranges(float_file: bytes, images: Sequence[NDArray[np.uint8]]) -> Factors:
    """Return the largest absolute value of each column in cells with a face, for each stride."""
    from fer_sdk.runtimes import open_image_session

    largest = np.zeros((len(STRIDES), COLUMNS))
    cells = np.zeros(len(STRIDES), int)
    with tempfile.TemporaryDirectory(prefix="fer-detector-") as folder:
        path = Path(folder) / "float32.tflite"
        path.write_bytes(float_file)
        with captured_native_log():
            session = open_image_session(path)
    for image in images:
        rows = session.run(image, MULTIPLE).rows.astype(np.float64)
        scores = np.sqrt(sigmoid(rows[:, 0]) * sigmoid(rows[:, 1]))
        ends = np.cumsum([(SIDE // stride) ** 2 for stride in STRIDES])
        for level, (start, end) in enumerate(zip((0, *ends[:-1]), ends, strict=True)):
            faces = np.abs(rows[start:end][scores[start:end] >= FACE_SCORE])
            cells[level] += len(faces)
            largest[level] = np.maximum(largest[level], faces.max(axis=0, initial=0.0))
    session.close()
    for stride, count in zip(STRIDES, cells, strict=True):
        if count < FEWEST_CELLS:
            raise InputError(
                f"the photos show too few faces for stride {stride}, about {3 * stride} to "
                f"{8 * stride} pixels at a width of {SIDE}: {count} cells, at least {FEWEST_CELLS}"
            )
    largest = MARGIN * largest
    largest[:, :2] = np.maximum(largest[:, :2], LEAST_LOGIT)
    return tuple(tuple(float(np.float32(value)) for value in row) for row in largest)


def _pointwise_ranges(
    network: Network, images: Sequence[NDArray[np.uint8]]
) -> list[NDArray[np.float64]]:
    """Return the largest absolute value of each channel between the convolutions of a head."""
    largest = [np.full(COLUMNS, 1e-6) for _ in STRIDES]
    run = tf.function(network.tensors)
    for image in images:
        tensors = run(tf.constant(image[None], tf.float32))
        for level, head in enumerate(network.heads):
            found = np.abs(tensors[head.between].numpy()).max(axis=(0, 1, 2))
            largest[level] = np.maximum(largest[level], found)
    return largest


def _on_square(
    placed: Sequence[tuple[NDArray[np.uint8], int, int, int]],
) -> NDArray[np.uint8]:
    """Place images on a square of `SIDE` pixels: each with left, top and its longer side."""
    square = np.full((SIDE, SIDE, 3), 127, np.uint8)
    for photo, left, top, side in placed:
        width, height = fitted_wh(photo.shape[1], photo.shape[0], side)
        square[top : top + height, left : left + width] = resize(photo, (height, width))
    return square


def _move(bundle: DetectorBundle, out: Path, parity: DetectorParity) -> ConvertedDetector:
    """Write a checked bundle into its folder."""
    from fer_sdk._internal.files import write_beside

    path = out / bundle.path.name
    with write_beside(path) as temporary:
        temporary.write_bytes(bundle.path.read_bytes())
    replace(bundle, path=path).write_sidecar()
    return ConvertedDetector(path, parity)
