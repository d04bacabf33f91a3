"""Peak memory of `fer video` for a long video, compared with one of a minute.

    python -m research.long_video PHOTO --minutes 60 --fps 5

PHOTO shows a face. It is moved about in generated videos of 640x480 pixels, with a blank interval
every minute, so that tracks begin and end. The command writes CSV, JSON and JSON Lines with a
baseline. Peak memory is that of the process as reported by Linux.
"""

import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.errors import RuntimeFailure
from fer_sdk.inputs.images import read_photo

MAX_RATIO: Final = 1.1
SIZE: Final = (640, 480)
BLANK_S: Final = 5.0
"""Length of the blank interval at the end of every minute; longer than a track without a face."""


def write_video(path: Path, photo: NDArray[np.uint8], seconds: float, fps: float) -> None:
    """Write a video in which a photo moves about: .avi with MJPG.

    Args:
        path: File to write.
        photo: BGR.
        seconds: Length of the video.
        fps: Frames per second.
    """
    width, height = SIZE
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, SIZE)
    zoom = height / max(photo.shape[:2])
    blank = np.full((height, width, 3), 90, np.uint8)
    for number in progress_bar(iterable=range(round(seconds * fps)), desc=path.name):
        time_s = number / fps
        if time_s % 60 > 60 - BLANK_S:
            writer.write(blank)
            continue
        x = (width - zoom * photo.shape[1]) / 2 + 60 * math.sin(time_s)
        matrix = np.array([[zoom, 0, x], [0, zoom, 15 * math.cos(time_s)]])
        writer.write(cv2.warpAffine(photo, matrix, SIZE, borderValue=(90, 90, 90)))
    writer.release()


def peak_mb(video: Path, folder: Path) -> float:
    """Run `fer video` and return the largest resident set of its process, in MB.

    Raises:
        RuntimeFailure: If the command fails.
    """
    outputs = ("csv", "json", "jsonl")
    words = [word for kind in outputs for word in (f"--{kind}", str(folder / f"out.{kind}"))]
    code = "from fer_sdk.cli.main import main; main()"
    command = [sys.executable, "-c", code, "video", str(video), "--baseline", "3", "--overwrite"]
    process = subprocess.Popen([*command, *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeFailure(f"fer video ended with exit code {process.returncode}")
    return usage.ru_maxrss / 1e3


@click.command(cls=FerCommand)
@click.argument("photo", type=click.Path(path_type=Path))
@click.option("--minutes", type=click.FloatRange(0), default=60.0, show_default=True,
              help="Length of the long video.")  # fmt: skip
@click.option("--fps", type=click.FloatRange(0.5), default=5.0, show_default=True)
@click.option("--short", type=click.FloatRange(1), default=60.0, show_default=True,
              help="Length of the short video in seconds.")  # fmt: skip
def main(photo: Path, minutes: float, fps: float, short: float) -> None:
    """Print the peak memory of both videos; exit with code 1 if the ratio exceeds 1.1."""
    picture = read_photo(photo)
    peaks = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for length_s in (short, 60 * minutes):
            write_video(folder / "video.avi", picture, length_s, fps)
            peaks.append(peak_mb(folder / "video.avi", folder))
            click.echo(
                f"{length_s:g} s, {length_s * fps:.0f} frames of {SIZE[0]}x{SIZE[1]}: "
                f"{peaks[-1]:.1f} MB"
            )
    ratio = peaks[1] / peaks[0]
    click.echo(f"ratio {ratio:.3f}, limit {MAX_RATIO}")
    if ratio > MAX_RATIO:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
