"""Interface of face detectors."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fer_sdk.errors import InputError
from fer_sdk.results import Face


class FaceDetector(Protocol):
    """Finds faces with landmarks; the face crop depends on eyes and mouth only."""

    def detect(self, image_bgr: NDArray[np.uint8]) -> tuple[Face, ...]:
        """Return the faces in an image, in descending order of score.

        Args:
            image_bgr: uint8 (height, width, 3), range [0, 255], BGR.

        Returns:
            Faces with boxes and landmarks in pixels of `image_bgr` and scores from 0 to 1.
        """

    def close(self) -> None:
        """Free the detector; may be called twice."""


def check_min_score(min_score: float) -> None:
    """Check the least score of a returned face.

    Raises:
        InputError: If it is not within 0 to 1; 70 is meant to be 0.7.
    """
    if not 0 <= min_score <= 1:
        raise InputError(f"min_score must be 0 to 1, but is {min_score}")
