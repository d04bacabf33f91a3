"""`fer camera`: the faces of a camera stream, live."""

import contextlib
import os
import sys
import time
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.native_log import captured_native_log
from fer_sdk._internal.opencv import require_opencv
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.bundles.registry import model_files
from fer_sdk.cli.console import echo
from fer_sdk.cli.json_lines import ChangeFilter, StdoutLines, check_jsonl_changes
from fer_sdk.cli.options import (
    STDOUT,
    SourceType,
    baseline_option,
    changes_option,
    max_side_option,
    model_options,
    overwrite_option,
    path_option,
)
from fer_sdk.cli.stop_signals import stop_signals
from fer_sdk.errors import FerError, InputError
from fer_sdk.inputs.camera import RECONNECT_S, Camera
from fer_sdk.outputs.annotate import draw_faces
from fer_sdk.outputs.sinks import JsonLinesSink
from fer_sdk.results import FrameResult
from fer_sdk.video.recognizer import VideoRecognizer

QUIT_KEYS = (ord("q"), 27)  # 27: Esc


@click.command()
@click.option("--device", type=SourceType(), default="0", show_default=True,
              help="Number of the camera, path of its device, rtsp:// or http:// address, or "
                   "GStreamer pipeline.")  # fmt: skip
@click.option("--reconnect", type=click.FloatRange(0), default=RECONNECT_S, show_default=True,
              help="Seconds for which a camera that stopped is opened again.")  # fmt: skip
@click.option("--headless", is_flag=True,
              help="Open no window; print a line when an expression changes.")  # fmt: skip
@path_option("--jsonl", "jsonl_path",
             "JSON Lines file with an object per frame; - prints the lines to stdout, with "
             "--headless in place of the others.", stdout=True)  # fmt: skip
@changes_option
@baseline_option
@model_options
@max_side_option
@overwrite_option
def camera(
    device: int | str,
    reconnect: float,
    headless: bool,
    jsonl_path: Path | None,
    jsonl_changes: bool,
    baseline: str | None,
    model: str,
    runtime: str | None,
    delegate: str,
    threads: int,
    prior: PriorChoice,
    max_side: int,
    overwrite: bool,
) -> None:
    """Track the faces of a camera until q, Esc or Ctrl-C; no picture is stored."""
    check_jsonl_changes(jsonl_path, jsonl_changes)
    lines = StdoutLines() if jsonl_path == STDOUT else None
    jsonl_file = None if lines else jsonl_path
    check_outputs([jsonl_file], model_files(model), overwrite=overwrite)
    view: _Window | _Lines = _Lines(silent=lines is not None) if headless else _Window()
    with captured_native_log():
        recognizer = VideoRecognizer(
            model,
            runtime=runtime,
            delegate=delegate,
            threads=threads,
            prior=prior,
            max_side=max_side,
            baseline=baseline,
        )
    changes = ChangeFilter()
    failure: FerError | None = None
    with (
        recognizer,
        contextlib.closing(view),
        stop_signals() as stopped,
        Camera(device, reconnect_s=reconnect, cancelled=stopped) as frames,
        contextlib.ExitStack() as stack,
    ):
        sinks: list[StdoutLines | JsonLinesSink] = [] if lines is None else [lines]
        if jsonl_file is not None:
            sinks.append(stack.enter_context(JsonLinesSink(jsonl_file)))
        try:
            for time_s, image in frames:
                result = recognizer.recognize(image, time_s=time_s, color="bgr")
                if not jsonl_changes or changes.passes(result):
                    for sink in sinks:
                        sink.write(result)
                unread = headless and lines is not None and lines.closed
                if not view.show(image, result) or stopped() or unread:
                    break
        except FerError as error:  # raised outside the sink's block, which would discard the file
            failure = error
    if frames.reconnects:
        times = "once" if frames.reconnects == 1 else f"{frames.reconnects} times"
        echo(f"the camera was opened again {times} after it stopped", err=True)
    if failure is not None:
        raise failure


class _Lines:
    """Prints a line when a face appears, or its label or its change from its baseline changes."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._labels: dict[int, tuple[str, str | None]] = {}

    def show(self, image: NDArray[np.uint8], result: FrameResult) -> bool:
        if self._silent:
            return True
        for face in result.faces:
            if self._labels.get(face.id) != (face.label, face.changed_to):
                changed = f", changed to {face.changed_to}" if face.changed_to else ""
                click.echo(
                    f"{result.time_s:.1f} s, face {face.id}: {face.label} "
                    f"{face.confidence:.0%}{changed}"
                )
        self._labels = {face.id: (face.label, face.changed_to) for face in result.faces}
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
