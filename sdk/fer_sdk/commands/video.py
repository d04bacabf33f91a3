"""`fer video`: the faces of a video file, followed and labelled."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from fer_sdk.commands.summary import StreamSummary
from fer_sdk.console import progress_bar
from fer_sdk.errors import FerError, InputError
from fer_sdk.files import require_space
from fer_sdk.native_log import caught_native_log
from fer_sdk.records import csv_records, json_records, parquet_records
from fer_sdk.runtimes import RUNTIMES
from fer_sdk.shipped import DEFAULT_MODEL
from fer_sdk.stopping import stop_signals
from fer_sdk.streams import VideoFile
from fer_sdk.tracking import TrackingSettings
from fer_sdk.video import FrameResult, VideoRecognizer
from fer_sdk.video_writer import annotated_video

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
    threads: int,
    detect_every: int,
    overwrite: bool,
) -> None:
    """Follow and label the faces of the video FILE.

    Stopped by Ctrl-C, a full disk or a video that is cut off, it keeps what it has.
    """
    paths = [path for path in (out, csv_path, json_path, parquet_path) if path is not None]
    for path in paths:
        if path.exists() and not overwrite:
            raise InputError(f"{path} is there already: add --overwrite or take another name")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # errors come as ours, in one line
    tracking = TrackingSettings(detect_every=detect_every)
    with contextlib.ExitStack() as open_things:
        frames = open_things.enter_context(VideoFile(file))
        with caught_native_log():
            recognizer = VideoRecognizer(model, runtime=runtime, threads=threads, tracking=tracking)
        open_things.enter_context(recognizer)
        summary = StreamSummary()
        failure: FerError | None = None
        with stop_signals() as stopped, contextlib.ExitStack() as outputs:
            keep = list(_outputs(outputs, out, csv_path, json_path, parquet_path,
                                 frames=frames, recognizer=recognizer, model=model))  # fmt: skip
            try:
                for image, result in _results(frames, recognizer):
                    if stopped():
                        break
                    for path in paths:
                        require_space(path)
                    for write in keep:
                        write(image, result)
                    summary.add(result)
            except FerError as error:
                failure = error
            if not summary.faces:
                raise failure or InputError(
                    f"no face found in the {summary.frames} frames of {file}: "
                    "is one upright and at least 20 px wide?"
                )
    for line in summary.lines():
        click.echo(line)
    for path in paths:
        click.echo(str(path))
    if stopped() or failure:
        kept = f"; kept in {', '.join(map(str, paths))}" if paths else ""
        of = f" of {frames.frame_count}" if frames.frame_count else ""
        click.echo(f"stopped after {summary.frames}{of} frames{kept}", err=True)
    if failure:
        raise failure
    if stopped():
        raise click.exceptions.Exit(STOPPED_EXIT_CODE)


def _results(
    frames: VideoFile, recognizer: VideoRecognizer
) -> Iterator[tuple[NDArray[np.uint8], FrameResult]]:
    for time_s, image in progress_bar(iterable=frames, total=frames.frame_count, unit=" frames"):
        yield image, recognizer.recognize(image, time_s=time_s, color="bgr")


def _outputs(
    outputs: contextlib.ExitStack,
    out: Path | None,
    csv_path: Path | None,
    json_path: Path | None,
    parquet_path: Path | None,
    *,
    frames: VideoFile,
    recognizer: VideoRecognizer,
    model: str,
) -> Iterator[Keep]:
    """Open the files that were asked for; each keeps what it takes when `outputs` ends well."""
    labels = recognizer.classifier.bundle.labels
    if out is not None:
        yield outputs.enter_context(annotated_video(out, frames.fps))
    if csv_path is not None:
        yield _without_image(outputs.enter_context(csv_records(csv_path, labels)))
    if json_path is not None:
        about = {"video": str(frames.path), "model": model, "fps": frames.fps}
        yield _without_image(outputs.enter_context(json_records(json_path, labels, about)))
    if parquet_path is not None:
        yield _without_image(outputs.enter_context(parquet_records(parquet_path, labels)))


def _without_image(record: Callable[[FrameResult], None]) -> Keep:
    return lambda image, result: record(result)
