"""`fer camera`: the faces of a camera stream, live."""

import contextlib
import os
import sys
import time

import click
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.native_log import captured_native_log
from fer_sdk._internal.opencv import require_opencv
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.cli.options import max_side_option, model_options
from fer_sdk.cli.stop_signals import stop_signals
from fer_sdk.errors import InputError
from fer_sdk.inputs.capture import Camera
from fer_sdk.outputs.annotate import draw_faces
from fer_sdk.results import FrameResult
from fer_sdk.video.recognizer import VideoRecognizer

QUIT_KEYS = (ord("q"), 27)  # 27: Esc


@click.command()
@click.option("--device", type=click.IntRange(0, 999), default=0, show_default=True,
              help="Number of the camera.")  # fmt: skip
@click.option("--headless", is_flag=True,
              help="Open no window; print a line when an expression changes.")  # fmt: skip
@model_options
@max_side_option
def camera(
    device: int,
    headless: bool,
    model: str,
    runtime: str | None,
    delegate: str,
    threads: int,
    prior: PriorChoice,
    max_side: int,
) -> None:
    """Track the faces of a camera until q, Esc or Ctrl-C; no frame is stored."""
    view = _Lines() if headless else _Window()
    with captured_native_log():
        recognizer = VideoRecognizer(
            model,
            runtime=runtime,
            delegate=delegate,
            threads=threads,
            prior=prior,
            max_side=max_side,
        )
    with recognizer, contextlib.closing(view), Camera(device) as frames, stop_signals() as stopped:
        for time_s, image in frames:
            result = recognizer.recognize(image, time_s=time_s, color="bgr")
            if not view.show(image, result) or stopped():
                break


class _Lines:
    """Prints a line when a face appears or its label changes."""

    def __init__(self) -> None:
        self._labels: dict[int, str] = {}

    def show(self, image: NDArray[np.uint8], result: FrameResult) -> bool:
        for face in result.faces:
            if self._labels.get(face.id) != face.label:
                click.echo(
                    f"{result.time_s:.1f} s, face {face.id}: {face.label} {face.confidence:.0%}"
                )
        self._labels = {face.id: face.label for face in result.faces}
        return True

    def close(self) -> None:
        pass


class _Window:
    """A window with the annotated frames and the frame rate in its title."""

    NAME = "fer"

    def __init__(self) -> None:
        # Without a display, OpenCV's window toolkit terminates the process.
        displays = ("DISPLAY", "WAYLAND_DISPLAY")
        if sys.platform == "linux" and not any(map(os.environ.get, displays)):
            raise InputError("no display to open a window on: add --headless")
        require_opencv("a window")
        import cv2

        self._cv2 = cv2
        try:
            style = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
            cv2.namedWindow(self.NAME, style)
        except cv2.error as error:
            raise InputError(
                f"OpenCV {cv2.__version__} cannot open a window: add --headless"
            ) from error
        self._frames = 0
        self._since_s = time.monotonic()

    def show(self, image: NDArray[np.uint8], result: FrameResult) -> bool:
        """Show a frame; returns False after q, Esc or closing the window."""
        cv2 = self._cv2
        if result.frame_index == 0:
            cv2.resizeWindow(self.NAME, image.shape[1], image.shape[0])
        cv2.imshow(self.NAME, draw_faces(image, result.faces))
        self._frames += 1
        passed_s = time.monotonic() - self._since_s
        if passed_s > 1:
            title = f"fer: {self._frames / passed_s:.0f} frames per second, q quits"
            cv2.setWindowTitle(self.NAME, title)
            self._frames, self._since_s = 0, time.monotonic()
        key = cv2.waitKey(1) & 0xFF
        closed = cv2.getWindowProperty(self.NAME, cv2.WND_PROP_VISIBLE) < 1
        return key not in QUIT_KEYS and not closed

    def close(self) -> None:
        self._cv2.destroyAllWindows()
