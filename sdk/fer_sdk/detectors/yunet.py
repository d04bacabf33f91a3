"""YuNet, the default face detector, run by OpenCV."""

import contextlib
from collections.abc import Iterator
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.locks import Lock
from fer_sdk._internal.opencv_log import LOG_LEVEL_ERROR, set_opencv_log_level
from fer_sdk.errors import RuntimeFailure
from fer_sdk.preprocess import check_image
from fer_sdk.results import Face, Landmarks

YUNET_FILE: Final = "face_detection_yunet_2023mar.onnx"


class YuNet:
    """Face detector YuNet (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y) in OpenCV."""

    def __init__(self, *, min_score: float = 0.7, max_side: int = 640) -> None:
        """Load the network that ships with the package.

        Args:
            min_score: Smallest score of a returned face, 0 to 1.
            max_side: Longest side of the detector's input, in pixels. Larger images are downscaled
                to it, and the detection time is proportional to the area. Measured on 51 frontal
                faces: 640 finds at least 98 % of faces with a height of 26 px or more, 320 at
                least 98 % of those of 48 px or more in a quarter of the time. 320 is sufficient
                for one face near the camera.

        Raises:
            RuntimeFailure: If OpenCV cannot load the network.
        """
        import cv2  # imported on demand: classifying face crops needs no OpenCV

        self._lock = Lock()
        self._max_side = max_side
        source = resources.files("fer_sdk") / "data" / YUNET_FILE
        try:
            with resources.as_file(source) as path, _without_warnings():
                self._net = cv2.FaceDetectorYN.create(str(path), "", (320, 320), min_score)
        except cv2.error as error:
            raise RuntimeFailure(f"OpenCV {cv2.__version__} cannot load YuNet: {error}") from error

    def detect(self, image_bgr: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Return the faces in an image, in descending order of score.

        Args:
            image_bgr: uint8 (height, width, 3), range [0, 255], BGR.

        Returns:
            Faces with boxes and landmarks in pixels of `image_bgr` and scores from 0 to 1.

        Raises:
            InputError: If the image has another dtype or shape, or is empty.
            RuntimeFailure: If the detector is closed.
        """
        check_image(image_bgr, "bgr")
        height, width = image_bgr.shape[:2]
        shrink = min(1.0, self._max_side / max(height, width))
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        searched = image_bgr
        if size != (width, height):
            import cv2

            searched = np.asarray(
                cv2.resize(image_bgr, size, interpolation=cv2.INTER_AREA), np.uint8
            )
        with self._lock:
            if self._net is None:
                raise RuntimeFailure("the face detector is closed")
            self._net.setInputSize(size)
            _, rows = self._net.detect(searched)
        if rows is None:
            return ()
        zoom = np.array([width / size[0], height / size[1]])
        return tuple(
            _face(np.asarray(row, np.float64), zoom) for row in sorted(rows, key=lambda r: -r[14])
        )

    def close(self) -> None:
        """Free the network; may be called twice."""
        with self._lock:
            self._net = None  # type: ignore[assignment]


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Disable warnings: OpenCV 5 logs one about backend targets when it creates a network."""
    level = set_opencv_log_level(LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        set_opencv_log_level(level)


def _face(row: NDArray[np.float64], zoom: NDArray[np.float64]) -> Face:
    """Convert a row of OpenCV's result: x, y, width, height, five points, score."""
    left, top = row[0:2] * zoom
    across, down = row[2:4] * zoom
    # The centre of a downscaled pixel is the centre of the block of pixels that it averages.
    points = (row[4:14].reshape(5, 2) + 0.5) * zoom - 0.5
    landmarks = Landmarks(*[(float(x), float(y)) for x, y in points])
    box = float(left), float(top), float(left + across), float(top + down)
    return Face(box, landmarks, float(row[14]))
