"""Tell when an expression changes in a video: python examples/video.py VIDEO."""

import sys
from pathlib import Path

from fer_sdk import VideoFile, VideoRecognizer

shown: dict[int, str] = {}
with VideoFile(Path(sys.argv[1])) as video, VideoRecognizer() as recognizer:
    for result in recognizer.stream(video, color="bgr"):
        for face in result.faces:
            if shown.get(face.id) != face.label:
                print(f"{result.time_s:6.2f} s  face {face.id}: {face.label}")
                shown[face.id] = face.label
