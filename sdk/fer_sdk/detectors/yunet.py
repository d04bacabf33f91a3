"""YuNet, the default face detector."""

from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.locks import Lock
from fer_sdk.errors import RuntimeFailure
from fer_sdk.preprocess import check_image
from fer_sdk.results import Face, Landmarks

YUNET_FILE: Final = "face_detection_yunet_2023mar.onnx"


class YuNet:
    """YuNet (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y) through OpenCV."""

    def __init__(self, *, min_score: float = 0.7, max_side: int = 640) -> None:
        """Load the shipped network.

        Args:
            min_score: Faces below this confidence, 0 to 1, are left out.
            max_side: Larger images are shrunk to this longer side before the search, in pixels. The
                time grows with the area. Of 51 frontal faces in a photo shrunk to it, at least 98 %
                were found from 26 px of height on at 640, from 48 px on at 320, which takes a
                quarter of the time: 320 is for the one near face of a kiosk or a phone.

        Raises:
            RuntimeFailure: If OpenCV cannot load the network.
        """
        import cv2  # here and not above: classifying crops needs no OpenCV

        self._lock = Lock()
        self._max_side = max_side
        source = resources.files("fer_sdk") / "data" / YUNET_FILE
        # OpenCV 5 warns on every creation that its new engine has no targets to prefer.
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
        try:
            with resources.as_file(source) as path:
                self._net = cv2.FaceDetectorYN.create(str(path), "", (320, 320), min_score)
        except cv2.error as error:
            raise RuntimeFailure(f"OpenCV {cv2.__version__} cannot load YuNet: {error}") from error
        finally:
            cv2.utils.logging.setLogLevel(level)

    def detect(self, image_bgr: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Return the faces of an image, best score first.

        Args:
            image_bgr: uint8 (height, width, 3), range [0, 255], BGR.

        Raises:
            InputError: If the image is not of that form.
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


def _face(row: NDArray[np.float64], zoom: NDArray[np.float64]) -> Face:
    """Read OpenCV's row: x, y, width, height, five points, score."""
    left, top = row[0:2] * zoom
    across, down = row[2:4] * zoom
    # A shrunk pixel's centre lies in the middle of the pixels that it stands for.
    points = (row[4:14].reshape(5, 2) + 0.5) * zoom - 0.5
    landmarks = Landmarks(*[(float(x), float(y)) for x, y in points])
    box = float(left), float(top), float(left + across), float(top + down)
    return Face(box, landmarks, float(row[14]))
