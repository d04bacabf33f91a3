"""Show a camera with names for the expressions, q ends: python examples/webcam.py [DEVICE]."""

import sys

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk import Camera, FerError, FrameResult, VideoRecognizer


def show(image: NDArray[np.uint8], result: FrameResult) -> bool:
    """Draw one frame; returns whether to go on."""
    for face in result.faces:
        left, top, right, bottom = (round(side) for side in face.box_xyxy)
        cv2.rectangle(image, (left, top), (right, bottom), (255, 255, 255), 2)
        cv2.putText(image, face.label, (left, top - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (255,) * 3)
    cv2.imshow("expressions", image)
    return cv2.waitKey(1) != ord("q")


try:
    device = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with Camera(device) as camera, VideoRecognizer() as recognizer:
        recognizer.run(camera, show, color="bgr")
except FerError as error:
    sys.exit(f"error: {error}")
