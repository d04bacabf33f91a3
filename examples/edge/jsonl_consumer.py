"""Print which faces appear, change and leave: fer camera --headless --jsonl - | python THIS.

Reads the JSON Lines of `fer camera` or `fer video` from stdin, one object per frame.
"""

import json
import sys

labels: dict[int, str] = {}
try:
    for number, line in enumerate(sys.stdin, 1):
        try:
            result = json.loads(line)
            now = {face["id"]: face["label"] for face in result["faces"]}
            time_s = float(result["time_s"])
        except (ValueError, KeyError, TypeError) as error:
            sys.exit(f"error: line {number} is no frame as --jsonl prints it: {error!r}")
        for face, label in now.items():
            if face not in labels:
                print(f"{time_s:.1f} s, face {face} appears: {label}", flush=True)
            elif labels[face] != label:
                print(f"{time_s:.1f} s, face {face}: {labels[face]} -> {label}", flush=True)
        for face in labels.keys() - now.keys():
            print(f"{time_s:.1f} s, face {face} leaves", flush=True)
        labels = now
except KeyboardInterrupt:
    sys.exit(130)
