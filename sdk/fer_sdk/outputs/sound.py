"""Copy of a video's sound into an annotated one, by the program ffmpeg where it is installed."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

LIMIT_S: Final = 600
"""Time limit of ffmpeg, which copies packets without decoding them."""

_LOCAL: Final = ("-protocol_whitelist", "file")
"""No input may name a network address."""


def copy_sound(video: Path, source: Path, length_s: float) -> str | None:
    """Add the first audio track of a video to a video without sound.

    Args:
        video: Video to extend; unchanged if this fails. Its first frame is the source's first.
        source: Video with the sound.
        length_s: Length of `video` in seconds, at which the sound is cut.

    Returns:
        None if the sound was copied, or if there is none or no ffmpeg; otherwise why it was not.
    """
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        return None
    begin_s = _begin_of_sound(source)
    if begin_s is None:
        return None
    with_sound = video.with_name(f"{video.stem}-sound{video.suffix}")
    command = [
        ffmpeg, "-v", "error", "-nostdin", "-y", *_LOCAL, "-i", f"file:{video.resolve()}",
        "-ss", f"{begin_s:.6f}", *_LOCAL, "-i", f"file:{source.resolve()}",
        "-map", "0:v:0", "-map", "1:a:0", "-c", "copy", "-t", f"{length_s:.6f}",
        f"file:{with_sound.resolve()}",
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
        if done.returncode:
            lines = done.stderr.decode(errors="replace").strip().splitlines()
            return lines[-1] if lines else f"ffmpeg ended with exit code {done.returncode}"
        with_sound.replace(video)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    finally:
        with_sound.unlink(missing_ok=True)
    return None


def _begin_of_sound(source: Path) -> float | None:
    """Return where the first frame is in the file's time, in seconds; None without sound."""
    probe = shutil.which("ffprobe")
    if probe is None:
        return None
    command = [probe, "-v", "error", *_LOCAL, "-show_entries", "stream=codec_type,start_time",
               "-show_entries", "format=start_time", "-of", "json",
               f"file:{source.resolve()}"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=True)
        found = json.loads(done.stdout)
        streams = {s["codec_type"]: s for s in reversed(found["streams"])}
        if not {"audio", "video"} <= set(streams):
            return None
        first = float(streams["video"].get("start_time", 0))
        return max(0.0, first - float(found["format"].get("start_time", 0)))
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return None
