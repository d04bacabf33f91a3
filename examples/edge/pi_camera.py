"""Print the faces of a Raspberry Pi camera as JSON Lines: python pi_camera.py.

It needs the Debian package python3-picamera2 and a virtual environment that was created with
--system-site-packages. The lines are those of `fer camera --headless --jsonl -`.
"""

import os
import signal
import sys
import threading

from picamera2 import Picamera2

from fer_sdk import VideoRecognizer

SIZE = (640, 480)

stopped = threading.Event()
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: stopped.set())

with VideoRecognizer() as recognizer, Picamera2() as camera:
    # What picamera2 calls RGB888 is an array with the order blue, green, red.
    camera.configure(camera.create_video_configuration(main={"size": SIZE, "format": "RGB888"}))
    camera.start()
    first_ns = None
    while not stopped.is_set():
        request = camera.capture_request()
        try:
            image = request.make_array("main")
            sensor_ns = request.get_metadata()["SensorTimestamp"]
        finally:
            request.release()
        first_ns = sensor_ns if first_ns is None else first_ns
        result = recognizer.recognize(image, time_s=(sensor_ns - first_ns) / 1e9, color="bgr")
        try:
            print(result.to_json(), flush=True)
        except BrokenPipeError:
            # The reader has gone. Python flushes stdout once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            break
    camera.stop()
