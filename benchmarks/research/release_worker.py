"""Worker of `research.whole_call`: the complete call of a release of the SDK.

    python -m research.release_worker                       serves `peers.process.WorkerProcess`
    python -m research.release_worker VIDEO DETECT_EVERY    times a video, prints one JSON object

It uses only what the present and the former release have in common: an `ExpressionRecognizer`, a
`YuNet` with `max_side`, a `VideoRecognizer` with `TrackingSettings`. OpenCV and the models run on
one thread.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from peers.worker import serve

WARM_UP: Final = 5
"""First frames that are not timed."""
FRAMES: Final = 240
WIDTH, HEIGHT = 640, 480
"""Size into which the frames are fitted."""


class Release:
    """`ExpressionRecognizer` with the default model, one for each detection size."""

    labels: tuple[str, ...] = ()
    runtime = "fer_sdk"

    def __init__(self) -> None:
        """Open the default model and detector."""
        from fer_sdk import ExpressionRecognizer

        _one_thread()
        default = ExpressionRecognizer()
        self._recognizers: dict[int | None, Any] = {None: default}

    def classify(self, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Not measured here."""
        raise NotImplementedError

    def prepare(self, face: NDArray[np.uint8]) -> Any:
        """Not measured here."""
        raise NotImplementedError

    def infer(self, prepared: Any) -> None:
        """Not measured here."""
        raise NotImplementedError

    def recognize(self, image: NDArray[np.uint8], max_side: int | None) -> list[str]:
        """Return the label of each face; `max_side` is that of YuNet, None its default."""
        if max_side not in self._recognizers:
            from fer_sdk import ExpressionRecognizer, YuNet

            classifier = self._recognizers[None].classifier
            detector = YuNet(max_side=max_side)  # type: ignore[arg-type]
            self._recognizers[max_side] = ExpressionRecognizer(classifier, detector=detector)
        return [face.label for face in self._recognizers[max_side].recognize(image, color="bgr")]


def imports() -> None:
    """Import what an application imports."""
    from fer_sdk import ExpressionRecognizer, read_photo  # noqa: F401


def time_video(file: str, detect_every: int) -> list[int]:
    """Return the nanoseconds of each of the first `FRAMES` frames at 640x480, without decoding."""
    from fer_sdk import TrackingSettings, VideoFile, VideoRecognizer

    _one_thread()
    times = []
    tracking = TrackingSettings(detect_every=detect_every)
    with VideoFile(Path(file)) as video, VideoRecognizer(tracking=tracking) as recognizer:
        for number, (time_s, image) in enumerate(video):
            if number == FRAMES:
                break
            frame = _fitted(image)
            began = time.perf_counter_ns()
            recognizer.recognize(frame, time_s=time_s, color="bgr")
            times.append(time.perf_counter_ns() - began)
    return times[WARM_UP:]


def _fitted(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    zoom = min(WIDTH / image.shape[1], HEIGHT / image.shape[0])
    small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    fitted = np.full((HEIGHT, WIDTH, 3), 127, np.uint8)
    fitted[: small.shape[0], : small.shape[1]] = small
    return fitted


def _one_thread() -> None:
    import cv2

    cv2.setNumThreads(1)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        serve(imports, Release)
    else:
        print(json.dumps({"ns": time_video(sys.argv[1], int(sys.argv[2]))}))  # noqa: T201
