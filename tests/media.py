"""Videos made by the program ffmpeg, which `make packages` installs."""

import shutil
import subprocess
from pathlib import Path

import pytest

PHOTO = Path(__file__).parents[1] / "examples" / "eileen_collins.png"
SOUND = ("-f", "lavfi", "-i", "sine=440:duration=5")


def ffmpeg(*words: object) -> None:
    """Run ffmpeg, or skip the test where it is not installed."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("ffmpeg is not installed: see `make packages`")
    subprocess.run([program, "-v", "error", "-y", *map(str, words)], check=True)


def portrait(path: Path, *words: object, frames: int = 48) -> Path:
    """Write the sample portrait as a video of 24 frames per second, 400x300 pixels, H.264."""
    ffmpeg("-loop", 1, "-framerate", 24, "-i", PHOTO, "-frames:v", frames,
           *(words or ("-vf", "crop=400:300:30:0")), "-c:v", "libx264", "-preset", "ultrafast",
           "-g", 12, "-pix_fmt", "yuv420p", path)  # fmt: skip
    return path
