"""Show a camera with the expression of each face, q quits: python examples/webcam.py [DEVICE]."""

import sys

import cv2

from fer_sdk import Camera, FerError, VideoRecognizer, draw_faces

try:
    device = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    with Camera(device) as camera, VideoRecognizer() as recognizer:
        for time_s, image in camera:
            result = recognizer.recognize(image, time_s=time_s, color="bgr")
            cv2.imshow("expressions", draw_faces(image, result.faces))
            if cv2.waitKey(1) == ord("q"):
                break
except FerError as error:
    sys.exit(f"error: {error}")
