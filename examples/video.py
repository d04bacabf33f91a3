"""Print each change of expression in a video: python examples/video.py VIDEO."""

import sys

from fer_sdk import VideoFile, VideoRecognizer

labels: dict[int, str] = {}
with VideoFile(sys.argv[1]) as video, VideoRecognizer() as recognizer:
    for result in recognizer.stream(video, color="bgr"):
        for face in result.faces:
            if labels.get(face.id) != face.label:
                print(f"{result.time_s:6.2f} s  face {face.id}: {face.label}")
                labels[face.id] = face.label
