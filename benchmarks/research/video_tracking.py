"""Face tracking compared with detection on every frame: time by stage and agreement of labels.

    python -m research.video_tracking FILE

Both process each frame of FILE, interleaved, on one thread. Frames are fitted into --size and
padded with grey. Times are means, so that the frames with full detection are included.
"""

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Final

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.registry import DEFAULT_MODEL, find_model
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.errors import InputError
from fer_sdk.inputs.capture import VideoFile
from fer_sdk.results import FrameResult
from fer_sdk.video.recognizer import VideoRecognizer
from fer_sdk.video.tracker import TrackingSettings

STAGES: Final = {
    "detection": ("detect",),
    "crop, smoothing": ("crop", "quality", "smooth"),
    "classify": ("classify",),
    "ids": ("track",),
}
"""Stages of the table, as sums of those in `FrameResult.speed_ms`."""

_PAGE: Final = """# Face tracking

Written by `python -m research.video_tracking {file}` (source:
`benchmarks/research/video_tracking.py`).

`VideoRecognizer` runs face detection on every twelfth frame and on small windows around known faces
in between. Compared with detection on every frame, interleaved on the same frames:

```
{table}
```
"""
WARMUP: Final = 5
"""Number of first frames that are excluded from the times."""


class _TimedRecognizer:
    """Keeps the results and the milliseconds of each stage of each frame."""

    def __init__(self, model: Path, detect_every: int) -> None:
        tracking = TrackingSettings(detect_every=detect_every)
        self.recognizer = VideoRecognizer(model, tracking=tracking)
        self.stages: dict[str, list[float]] = defaultdict(list)
        self.results: list[FrameResult] = []

    def take(self, image: NDArray[np.uint8], time_s: float) -> None:
        """Recognize the faces of a frame."""
        result = self.recognizer.recognize(image, time_s=time_s, color="bgr")
        self.results.append(result)
        for stage, parts in STAGES.items():
            self.stages[stage].append(sum(result.speed_ms[part] for part in parts))


@click.command(cls=FerCommand)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
@click.option("--size", type=(click.IntRange(16), click.IntRange(16)), default=(640, 480),
              show_default=True, help="Width and height into which frames are fitted.")  # fmt: skip
@click.option("--detect-every", type=click.IntRange(2), default=TrackingSettings().detect_every,
              show_default=True, help="Frames between two full detections.")  # fmt: skip
@click.option("--page", type=click.Path(path_type=Path), help="Write a Markdown page.")
def main(
    file: Path, model: str, size: tuple[int, int], detect_every: int, page: Path | None
) -> None:
    """Print the time by stage and the fraction of frames of FILE with the same labels."""
    cv2.setNumThreads(1)
    with captured_native_log():
        each = _TimedRecognizer(find_model(model), 1)
        tracking = _TimedRecognizer(find_model(model), detect_every)
    with VideoFile(file) as video, each.recognizer, tracking.recognizer:
        frames = progress_bar(iterable=video, total=video.frame_count, unit=" frames")
        for number, (time_s, image) in enumerate(frames):
            fitted = _fit(image, size)
            for recognizer in (each, tracking)[:: 1 - 2 * (number % 2)]:
                recognizer.take(fitted, time_s)
    if len(each.results) <= WARMUP:
        raise InputError(f"{file} has {len(each.results)} frames: more than {WARMUP} are needed")
    where = describe_environment()
    table = (
        f"{_table(file, size, each, tracking)}\n"
        f"{Path(model).name}, one thread, {where['processor']}, {where['system']}, "
        f"OpenCV {cv2.__version__}"
    )
    click.echo(table)
    if page is not None:
        with write_beside(page) as temporary:
            temporary.write_text(_PAGE.format(file=file.name, table=table), encoding="utf-8")


def _fit(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    zoom = min(size[0] / width, size[1] / height)
    inner = round(width * zoom), round(height * zoom)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    fitted = np.full((size[1], size[0], 3), 127, np.uint8)
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    fitted[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        image, inner, interpolation=way
    )
    return fitted


def _table(
    file: Path, size: tuple[int, int], each: _TimedRecognizer, tracking: _TimedRecognizer
) -> str:
    lines = [
        f"{file.name}: {len(each.results)} frames at {size[0]}x{size[1]}",
        f"{'ms per frame, mean':<20}{'each frame':>14}{'tracking':>14}",
    ]
    ways = (each, tracking)
    means = [{s: float(np.mean(w.stages[s][WARMUP:])) for s in STAGES} for w in ways]
    for stage in STAGES:
        lines.append(f"{stage:<20}" + "".join(f"{mean[stage]:>14.2f}" for mean in means))
    sums = [sum(mean.values()) for mean in means]
    lines.append(f"{'all':<20}" + "".join(f"{total:>14.2f}" for total in sums))
    lines.append(f"{'frames per second':<20}" + "".join(f"{1000 / total:>14.1f}" for total in sums))
    searched = [sum(result.searched for result in way.results) for way in ways]
    lines.append(f"{'full detections':<20}" + "".join(f"{count:>14}" for count in searched))
    pairs = list(zip(each.results, tracking.results, strict=True))
    same = np.mean([_labels(a) == _labels(b) for a, b in pairs])
    raw = np.mean([_labels(a, raw=True) == _labels(b, raw=True) for a, b in pairs])
    lines += [
        f"tracking is {sums[0] / sums[1]:.1f} times as fast",
        f"same labels on {same:.1%} of frames, before smoothing on {raw:.1%}",
        *(f"{name}: {_story(way)}" for name, way in zip(("each frame", "tracking"), ways,
                                                        strict=True)),
    ]  # fmt: skip
    return "\n".join(lines)


def _labels(result: FrameResult, *, raw: bool = False) -> list[str]:
    """Return the labels of a frame's faces from left to right; ids can differ between two runs."""
    faces = sorted(result.faces, key=lambda face: face.box_xyxy[0])
    return [face.raw_label if raw else face.label for face in faces]


def _story(way: _TimedRecognizer) -> str:
    """Return the sequence of labels of each id, with their numbers of frames."""
    shown: dict[int, list[str]] = defaultdict(list)
    for result in way.results:
        for face in result.faces:
            shown[face.id].append(face.label)
    stories = []
    for number, labels in shown.items():
        runs = [(label, len(list(group))) for label, group in itertools.groupby(labels)]
        told = ", ".join(f"{label} {count}" for label, count in runs)
        stories.append(f"id {number}, {len(runs) - 1} changes: {told}")
    return "; ".join(stories) or "no face"


if __name__ == "__main__":
    main()
