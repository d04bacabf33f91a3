"""`fer video`: the faces of a video file, followed and labelled."""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import require_space
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.cli.console import progress_bar
from fer_sdk.cli.stop_signals import stop_signals
from fer_sdk.cli.stream_summary import StreamSummary
from fer_sdk.errors import FerError, InputError, StreamError
from fer_sdk.inputs.capture import VideoFile
from fer_sdk.outputs.frame_sinks import csv_records, json_records, parquet_records
from fer_sdk.outputs.video_sink import annotated_video
from fer_sdk.runtimes import DELEGATES, RUNTIMES
from fer_sdk.video.recognizer import FrameResult, VideoRecognizer
from fer_sdk.video.tracker import TrackingSettings

Keep = Callable[[NDArray[np.uint8], FrameResult], None]

STOPPED_EXIT_CODE = 130
"""What shells say of a program that was stopped by Ctrl-C."""


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Annotated video, such as out.mp4.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="A row a face a frame.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Every frame in full.")
@click.option("--parquet", "parquet_path", type=click.Path(path_type=Path),
              help="As --csv; needs the extra `parquet`.")  # fmt: skip
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
@click.option("--runtime", type=click.Choice(list(RUNTIMES)), help="Default: the file's own.")
@click.option("--delegate", type=click.Choice(DELEGATES), default="cpu", show_default=True,
              help="gpu runs all of a model there, or ends with exit code 3.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True)
@click.option("--detect-every", type=click.IntRange(1), default=TrackingSettings().detect_every,
              show_default=True, help="Frames between two searches for new faces.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files that are there.")
def video(
    file: Path,
    out: Path | None,
    csv_path: Path | None,
    json_path: Path | None,
    parquet_path: Path | None,
    model: str,
    runtime: str | None,
    delegate: str,
    threads: int,
    detect_every: int,
    overwrite: bool,
) -> None:
    """Follow and label the faces of the video FILE.

    Stopped by Ctrl-C, a full disk or a video that is cut off, it keeps what it has.
    """
    outputs = _Outputs(out, csv_path, json_path, parquet_path)
    outputs.check(file, overwrite)
    # FFmpeg and OpenCV would write a line a frame; what goes wrong is said once, by us.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    tracking = TrackingSettings(detect_every=detect_every)
    with VideoFile(file) as frames:
        with captured_native_log():
            recognizer = VideoRecognizer(
                model, runtime=runtime, delegate=delegate, threads=threads, tracking=tracking
            )
        about = {"video": str(file), "model": model, "fps": frames.fps}
        with recognizer:
            summary, stopped, failure = _run(frames, recognizer, outputs, about)
    for line in (*summary.lines(), *map(str, outputs.paths)):
        click.echo(line)
    of = f" of {frames.frame_count}" if frames.frame_count else ""
    kept = f"stopped after {summary.frames}{of} frames, which are kept"
    if failure:
        raise StreamError(f"{failure}; {kept}") from failure
    if stopped:
        click.echo(kept, err=True)
        raise click.exceptions.Exit(STOPPED_EXIT_CODE)


@dataclass(frozen=True, slots=True)
class _Outputs:
    """The files that were asked for."""

    video: Path | None
    csv: Path | None
    json: Path | None
    parquet: Path | None

    @property
    def paths(self) -> list[Path]:
        asked = (self.video, self.csv, self.json, self.parquet)
        return [path for path in asked if path is not None]

    def check(self, source: Path, overwrite: bool) -> None:
        """Refuse to write over anything unasked, over the source or twice over one file."""
        taken = {source.resolve()}
        for path in self.paths:
            if path.resolve() in taken:
                raise InputError(f"{path} is the video itself or named twice: take another name")
            taken.add(path.resolve())
            if path.exists() and not overwrite:
                raise InputError(f"{path} is there already: add --overwrite or take another name")

    def open(
        self, stack: contextlib.ExitStack, labels: tuple[str, ...], about: dict[str, Any]
    ) -> Iterator[Keep]:
        """Open each file; it keeps what it takes when `stack` ends well."""
        if self.video is not None:
            yield stack.enter_context(annotated_video(self.video, about["fps"]))
        if self.csv is not None:
            yield _without_image(stack.enter_context(csv_records(self.csv, labels)))
        if self.json is not None:
            yield _without_image(stack.enter_context(json_records(self.json, labels, about)))
        if self.parquet is not None:
            yield _without_image(stack.enter_context(parquet_records(self.parquet, labels)))


def _without_image(record: Callable[[FrameResult], None]) -> Keep:
    return lambda image, result: record(result)


def _run(
    frames: VideoFile, recognizer: VideoRecognizer, outputs: _Outputs, about: dict[str, Any]
) -> tuple[StreamSummary, bool, FerError | None]:
    """Label the frames; returns what they showed, and whether and why it ended early."""
    summary = StreamSummary()
    failure: FerError | None = None
    timed = progress_bar(iterable=frames, total=frames.frame_count, unit=" frames")
    with stop_signals() as stopped, contextlib.ExitStack() as stack:
        keep = list(outputs.open(stack, recognizer.classifier.bundle.labels, about))
        try:
            for time_s, image in timed:
                result = recognizer.recognize(image, time_s=time_s, color="bgr")
                for path in outputs.paths:
                    require_space(path)
                for write in keep:
                    write(image, result)
                summary.add(result)
                if stopped():
                    break
        except FerError as error:
            failure = error
        if not summary.faces:  # an exception from here leaves no file
            raise failure or InputError(
                f"no face found in {summary.frames} frames of {about['video']}: "
                "is one upright and at least 20 px wide?"
            )
        return summary, stopped(), failure
