"""The interface of a face detector."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fer_sdk.results import Face


class FaceDetector(Protocol):
    """Finds faces with eyes and mouth; the crop rests on those points alone."""

    def detect(self, image_bgr: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Return the faces of an image, best score first.

        Args:
            image_bgr: uint8 (height, width, 3), range [0, 255], BGR.
        """

    def close(self) -> None:
        """Free what the detector holds; may be called twice."""
