"""The detectors that `research.detectors` compares."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.detector import DetectorBundle
from fer_sdk.bundles.registry import DEFAULT_DETECTOR, find_detector
from fer_sdk.detectors.base import FaceDetector
from fer_sdk.detectors.decoding import MAX_OVERLAP
from fer_sdk.detectors.tiles import fitted_wh
from fer_sdk.detectors.yunet import MAX_SIDE, MIN_SCORE, YuNet
from fer_sdk.errors import InputError
from fer_sdk.results import Face, Landmarks

ONNX: Final = Path("convert/detectors/face_detection_yunet_2023mar.onnx")
OPENCV: Final = "opencv"
"""Name of the former detector."""
FLOAT_SUFFIX, INT8_SUFFIX = "-float32", "-int8"


class OpenCvYuNet:
    """YuNet on OpenCV's `FaceDetectorYN`, as releases before LiteRT ran it: one thread."""

    def __init__(self, onnx: Path, max_side: int = MAX_SIDE) -> None:
        """Load the ONNX file.

        Raises:
            InputError: If it is not there.
        """
        if not onnx.is_file():
            raise InputError(f"no file {onnx}: run this in the root of a checkout")
        cv2.setNumThreads(1)
        self._max_side = max_side
        with captured_native_log():
            self._net = cv2.FaceDetectorYN.create(str(onnx), "", (32, 32), MIN_SCORE, MAX_OVERLAP)

    def detect(self, image_bgr: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Return the faces in an image, in descending order of score."""
        height, width = image_bgr.shape[:2]
        size = fitted_wh(width, height, self._max_side)
        searched = image_bgr
        if size != (width, height):
            resized = cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA)
            searched = np.asarray(resized, np.uint8)
        self._net.setInputSize(size)
        _, rows = self._net.detect(searched)
        zoom = np.array([width / size[0], height / size[1]])
        found = [] if rows is None else [_face(row, zoom) for row in np.asarray(rows, np.float64)]
        return tuple(sorted(found, key=lambda face: -face.score))

    def close(self) -> None:
        """Do nothing: OpenCV frees the network with the object."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A detector with its settings.

    Attributes:
        name: Name in the tables.
        network: File name of the network.
        precision: "float32" or "int8".
        size_bytes: Size of the file.
        open: Opens it; the argument is `max_side`.
        float_name: Name of the candidate with the same network in float32, if this one is not it.
        thorough: Whether it searches thoroughly.
    """

    name: str
    network: str
    precision: str
    size_bytes: int
    open: Callable[[int], FaceDetector]
    float_name: str | None = None
    thorough: bool = False


def candidates(further: tuple[Path, ...] = ()) -> list[Candidate]:
    """Return the former detector, the shipped ones and others, all with default settings.

    Args:
        further: .tflite files with sidecars.

    Raises:
        FerError: If a file is missing or damaged.
    """
    found = [
        Candidate(OPENCV, ONNX.name, "float32", ONNX.stat().st_size if ONNX.is_file() else 0,
                  lambda max_side: OpenCvYuNet(ONNX, max_side), DEFAULT_DETECTOR)
    ]  # fmt: skip
    shipped = [find_detector(name) for name in (DEFAULT_DETECTOR, "yunet-int8")]
    found += [_litert(path) for path in (*shipped, *further)]
    found.append(_litert(shipped[0], thorough=True))
    return found


def _litert(path: Path, *, thorough: bool = False) -> Candidate:
    bundle = DetectorBundle.load(path)
    name = path.stem
    sibling = name.removesuffix(INT8_SUFFIX) + FLOAT_SUFFIX if name.endswith(INT8_SUFFIX) else None
    return Candidate(
        name=f"{name}, thorough" if thorough else name,
        network=bundle.source.get("network", path.name),
        precision=bundle.precision,
        size_bytes=path.stat().st_size,
        open=lambda max_side: YuNet(
            path, max_side=max_side, search="thorough" if thorough else "fast"
        ),
        float_name=sibling,
        thorough=thorough,
    )


def _face(row: NDArray[np.float64], zoom: NDArray[np.float64]) -> Face:
    """Read OpenCV's row: left, top, width, height, five points, score."""
    left, top = row[0:2] * zoom
    width, height = row[2:4] * zoom
    points = (row[4:14].reshape(5, 2) + 0.5) * zoom - 0.5
    landmarks = Landmarks(*[(float(x), float(y)) for x, y in points])
    return Face(
        (float(left), float(top), float(left + width), float(top + height)),
        landmarks,
        float(row[14]),
    )
