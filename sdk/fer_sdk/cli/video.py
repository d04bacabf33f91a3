"""`fer video`: the faces of a video file, tracked."""

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import require_space
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk._internal.opencv import require_opencv
from fer_sdk._internal.opencv_log import silence_video_decoders
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.bundles.registry import model_files
from fer_sdk.cli.console import echo, progress_bar
from fer_sdk.cli.json_lines import ChangeFilter, StdoutLines, check_jsonl_changes
from fer_sdk.cli.options import (
    STDOUT,
    baseline_option,
    changes_option,
    max_side_option,
    model_options,
    overwrite_option,
    path_option,
    small_faces,
)
from fer_sdk.cli.stop_signals import STOPPED_EXIT_CODE, stop_signals
from fer_sdk.cli.stream_summary import StreamSummary
from fer_sdk.errors import FerError, InputError, StreamError, shown
from fer_sdk.inputs.capture import VideoFile
from fer_sdk.outputs.sinks import CsvSink, JsonLinesSink, JsonSink, ParquetSink, Sink
from fer_sdk.outputs.video_sink import VideoSink
from fer_sdk.results import FrameResult
from fer_sdk.video.recognizer import VideoRecognizer
from fer_sdk.video.tracker import TrackingSettings

SHOWN_GAPS: Final = 3
SHORT_SHARE: Final = 0.9
"""Share of the stated frames below which their number is reported."""

Write = Callable[[NDArray[np.uint8], FrameResult], None]


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@path_option("--out", "out", "Annotated video, such as out.mp4; with sound if ffmpeg is installed.")
@path_option("--csv", "csv_path", "CSV file with a row per face and frame.")
@path_option("--json", "json_path", "JSON file with all frames.")
@path_option("--jsonl", "jsonl_path",
             "JSON Lines file with an object per frame; - prints the lines to stdout.",
             stdout=True)  # fmt: skip
@changes_option
@path_option("--parquet", "parquet_path",
             "Parquet file with the rows of --csv; needs the extra `parquet`.")  # fmt: skip
@model_options
@max_side_option
@click.option("--detect-every", type=click.IntRange(1), default=TrackingSettings().detect_every,
              show_default=True, help="Frames between two searches for new faces.")  # fmt: skip
@baseline_option
@click.option("--every", type=click.IntRange(1), default=1, show_default=True,
              help="Use the first and then every n-th frame.")  # fmt: skip
@click.option("--from", "begin_s", type=click.FloatRange(0), default=0.0, show_default=True,
              help="Second of the video to begin at; frames before are decoded only.")  # fmt: skip
@click.option("--to", "end_s", type=click.FloatRange(0), default=math.inf, show_default="the end",
              help="Second of the video to end at.")  # fmt: skip
@overwrite_option
def video(
    file: Path,
    out: Path | None,
    csv_path: Path | None,
    json_path: Path | None,
    jsonl_path: Path | None,
    jsonl_changes: bool,
    parquet_path: Path | None,
    model: str,
    runtime: str | None,
    delegate: str,
    threads: int,
    prior: PriorChoice,
    max_side: int,
    detect_every: int,
    baseline: str | None,
    every: int,
    begin_s: float,
    end_s: float,
    overwrite: bool,
) -> None:
    """Track the faces of the video FILE and recognize their expressions.

    After Ctrl-C, on a full disk or at the end of a truncated video, the frames until then are kept
    in the files. With --jsonl - the summary is on stderr.
    """
    lines = StdoutLines() if jsonl_path == STDOUT else None
    jsonl_file = jsonl_path if lines is None else None
    check_jsonl_changes(jsonl_path, jsonl_changes)
    outputs = _Outputs(
        out, csv_path, json_path, jsonl_file, parquet_path, lines, jsonl_changes,
        with_sound=begin_s == 0,
    )  # fmt: skip
    check_outputs(outputs.paths, [file, *model_files(model)], overwrite=overwrite)
    require_opencv("reading videos")
    silence_video_decoders()
    tracking = TrackingSettings(detect_every=detect_every)
    with VideoFile(file, every=every, begin_s=begin_s, end_s=end_s) as frames:
        with captured_native_log():
            recognizer = VideoRecognizer(
                model,
                runtime=runtime,
                delegate=delegate,
                threads=threads,
                prior=prior,
                tracking=tracking,
                max_side=max_side,
                baseline=baseline,
            )
        about = {"video": str(file), "model": model, "fps": frames.fps}
        with recognizer:
            summary = StreamSummary(with_baselines=baseline is not None)
            small = small_faces(max_side)
            stopped, failure = _run(frames, recognizer, outputs, about, summary, small)
    for line in (*summary.lines(), *map(str, outputs.paths)):
        echo(line, err=lines is not None)
    whole = every == 1 and begin_s == 0 and end_s == math.inf
    closed = lines is not None and lines.closed
    for line in _missing_frames(
        frames, summary.frames, not whole or closed or stopped or failure is not None
    ):
        echo(line, err=True)
    of = f" of {frames.frame_count}" if frames.frame_count and whole else ""
    kept = f"stopped after {summary.frames}{of} frames, which are kept"
    if failure:
        raise StreamError(f"{failure}; {kept}") from failure
    if stopped:
        echo(kept, err=True)
        raise click.exceptions.Exit(STOPPED_EXIT_CODE)


def _missing_frames(frames: VideoFile, read: int, ended_early: bool) -> Iterator[str]:
    """Yield a line for frames that are missing in the middle and at the end."""
    if frames.gaps:
        spans = ", ".join(f"{begin:.2f} to {end:.2f} s" for begin, end in frames.gaps[:SHOWN_GAPS])
        more = len(frames.gaps) - SHOWN_GAPS
        yield (
            f"no frame from {spans}{f' and in {more} more gaps' if more > 0 else ''}: "
            "the recording paused, or the file is damaged there"
        )
    if not ended_early and frames.frame_count and read < SHORT_SHARE * frames.frame_count:
        yield (
            f"read {read} frames; the file states about {frames.frame_count}, which may be the "
            "length of its sound"
        )


@dataclass(frozen=True, slots=True)
class _Outputs:
    """The files to write."""

    video: Path | None
    csv: Path | None
    json: Path | None
    jsonl: Path | None
    parquet: Path | None
    lines: StdoutLines | None
    only_changes: bool
    with_sound: bool

    @property
    def paths(self) -> list[Path]:
        given = (self.video, self.csv, self.json, self.jsonl, self.parquet)
        return [path for path in given if path is not None]

    def open(
        self,
        stack: contextlib.ExitStack,
        frames: VideoFile,
        labels: tuple[str, ...],
        about: dict[str, Any],
    ) -> Iterator[Write]:
        """Open each file and yield the function that appends a frame to it."""
        if self.video is not None:
            sound_from = frames.path if self.with_sound else None
            sink = VideoSink(self.video, frames.peak_fps(), sound_from=sound_from)
            if self.with_sound:
                stack.callback(_report_sound, sink)
            else:
                echo(f"{self.video} has no sound: it is copied only from the begin on", err=True)
            yield stack.enter_context(sink).write
        if self.csv is not None:
            yield _without_image(stack.enter_context(CsvSink(self.csv, labels)))
        if self.json is not None:
            yield _without_image(stack.enter_context(JsonSink(self.json, labels, about=about)))
        if self.jsonl is not None:
            yield self._filtered(stack.enter_context(JsonLinesSink(self.jsonl)))
        if self.lines is not None:
            yield self._filtered(self.lines)
        if self.parquet is not None:
            yield _without_image(stack.enter_context(ParquetSink(self.parquet, labels)))

    def _filtered(self, sink: Sink | StdoutLines) -> Write:
        """Return the function that appends the frames, or only those with changes."""
        if not self.only_changes:
            return _without_image(sink)
        changes = ChangeFilter()
        return lambda image, result: sink.write(result) if changes.passes(result) else None

    @property
    def useless(self) -> bool:
        """Whether nothing is left to write: the reader of stdout has gone."""
        return self.lines is not None and self.lines.closed and not self.paths


def _report_sound(sink: VideoSink) -> None:
    if sink.sound_failure:
        echo(f"{sink.path} has no sound: {shown(sink.sound_failure, 200)}", err=True)


def _without_image(sink: Sink | StdoutLines) -> Write:
    return lambda image, result: sink.write(result)


def _run(
    frames: VideoFile,
    recognizer: VideoRecognizer,
    outputs: _Outputs,
    about: dict[str, Any],
    summary: StreamSummary,
    small: str,
) -> tuple[bool, FerError | None]:
    """Process the frames; returns whether a signal stopped it, and an error."""
    failure: FerError | None = None
    timed = progress_bar(iterable=frames, total=frames.frame_count, unit=" frames")
    with stop_signals() as stopped, contextlib.ExitStack() as stack:
        writers = list(outputs.open(stack, frames, recognizer.labels, about))
        try:
            for time_s, image in timed:
                result = recognizer.recognize(image, time_s=time_s, color="bgr")
                for path in outputs.paths:
                    require_space(path)
                for write in writers:
                    write(image, result)
                summary.add(result, recognizer.baselines)
                if stopped() or outputs.useless:
                    break
        except FerError as error:
            failure = error
        if not summary.faces and not outputs.useless:
            # Raised inside the sinks' block: no file is left.
            raise failure or InputError(
                f"no face found in {summary.frames} frames of {about['video']}: {small}"
            )
        return stopped(), failure
