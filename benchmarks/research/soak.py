"""Soak test: memory growth over a long stream, and over many openings of a recognizer.

    python -m research.soak VIDEO [--minutes 30] [--opens 1000] [--seed 0]

VIDEO is repeated, with random changes of brightness and random blank intervals, so that tracks
begin and end. Memory is the resident set of the process as reported by Linux, after the C
library has returned its unused memory. The first tenth, but at least 30 seconds or 20 openings, is
warm-up.
"""

import ctypes
import gc
import math
import os
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.cli.console import FerCommand, progress_bar
from fer_sdk.errors import RuntimeFailure
from fer_sdk.inputs.capture import VideoFile
from fer_sdk.video.recognizer import VideoRecognizer

MAX_GROWTH_MB: Final = 1.0
SAMPLES: Final = 40
BLANK_S: Final = 1.5
"""Mean duration of a blank interval, in seconds."""


@click.command(cls=FerCommand)
@click.argument("video", type=click.Path(path_type=Path))
@click.option("--minutes", type=click.FloatRange(1), default=30.0, show_default=True,
              help="Length of the stream, in video time.")  # fmt: skip
@click.option("--opens", type=click.IntRange(40), default=1000, show_default=True,
              help="Number of times that a recognizer is opened and closed.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Shipped model or a file.")
def main(video: Path, minutes: float, opens: int, seed: int, model: str) -> None:
    """Print the memory growth after warm-up; exit with code 1 if it exceeds 1 MB."""
    began = time.perf_counter()
    frames, faces, stream_mb = _stream(video, minutes, seed, model)
    seconds = time.perf_counter() - began
    click.echo(
        f"stream of {minutes:g} minutes, seed {seed}: {frames} frames, {faces} ids, "
        f"{frames / seconds:.0f} frames per second, decoding included"
    )
    stream_growth_mb = print_growth(stream_mb, warm_up=0.5 / minutes)
    handles_before, threads_before = _handles(), threading.active_count()
    opens_mb = _open_and_close(video, opens, model)
    handles, threads = _handles() - handles_before, threading.active_count() - threads_before
    click.echo(f"opened and closed {opens} times: {handles:+d} file handles, {threads:+d} threads")
    opens_growth_mb = print_growth(opens_mb, warm_up=20 / opens)
    if max(stream_growth_mb, opens_growth_mb) > MAX_GROWTH_MB or handles or threads:
        raise RuntimeFailure(
            f"memory grew by more than {MAX_GROWTH_MB} MB, or handles or threads were not released"
        )


def print_growth(samples_mb: list[float], warm_up: float) -> float:
    """Print the course of the memory and return its growth after warm-up, in MB.

    The final value is the maximum of the last tenth, so that a single low sample hides no growth.

    Args:
        samples_mb: Memory at equal intervals.
        warm_up: Fraction of the samples that is warm-up, bounded to 0.1 ... 0.5.
    """
    tenth = max(1, len(samples_mb) // 10)
    warm = samples_mb[round(max(0.1, min(warm_up, 0.5)) * (len(samples_mb) - 1))]
    growth = max(samples_mb[-tenth:]) - warm
    click.echo(
        f"  resident MB: {samples_mb[0]:.1f} initial, {warm:.1f} after warm-up, "
        f"{max(samples_mb):.1f} maximum, {samples_mb[-1]:.1f} final; growth {growth:.2f}"
    )
    return growth


def _stream(video: Path, minutes: float, seed: int, model: str) -> tuple[int, int, list[float]]:
    """Return the number of frames, the number of ids, and samples of the resident set in MB."""
    with captured_native_log():
        recognizer = VideoRecognizer(model)
    samples, frames, last_id = [_resident_mb()], 0, 0
    with recognizer, progress_bar(total=round(minutes * 60), unit=" s") as bar:
        for result in recognizer.stream(_repeated(video, minutes * 60, seed), color="bgr"):
            frames += 1
            last_id = max(last_id, *(face.id for face in result.faces), 0)
            if result.time_s >= len(samples) * minutes * 60 / SAMPLES:
                samples.append(_resident_mb())
                bar.update(round(result.time_s) - bar.n)
    samples.append(_resident_mb())
    return frames, last_id, samples


def _repeated(video: Path, seconds: float, seed: int) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Repeat a video with changing brightness and random blank intervals."""
    rng = np.random.default_rng(seed)
    began_s, blank_until_s = 0.0, 0.0
    for _ in count():
        now_s = began_s
        with VideoFile(video) as frames:
            for time_s, image in frames:
                now_s = began_s + time_s
                if now_s >= seconds:
                    return
                if rng.random() < 0.005:
                    blank_until_s = now_s + 2 * BLANK_S * rng.random()
                light = 20 * math.sin(now_s / 3) + rng.normal(0, 4)
                curve = np.full(256, 127) if now_s < blank_until_s else np.arange(256) + light
                yield now_s, np.asarray(cv2.LUT(image, curve.clip(0, 255).astype(np.uint8)))
        began_s = now_s + 1 / frames.fps


def _open_and_close(video: Path, opens: int, model: str) -> list[float]:
    with VideoFile(video) as frames:
        time_s, image = next(iter(frames))
    samples = [_resident_mb()]
    for number in progress_bar(iterable=range(opens), unit=" times"):
        with captured_native_log():
            recognizer = VideoRecognizer(model)
        with recognizer:
            recognizer.recognize(image, time_s=time_s, color="bgr")
        if (number + 1) % max(1, opens // SAMPLES) == 0:
            samples.append(_resident_mb())
    return samples


def _resident_mb() -> float:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


if __name__ == "__main__":
    main()
