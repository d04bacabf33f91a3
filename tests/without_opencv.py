"""What works where OpenCV is not installed. `make bare` runs this file in such an environment.

python -m pytest --noconftest tests/without_opencv.py
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer_sdk import (
    ExpressionRecognizer,
    Face,
    MissingDependencyError,
    VideoRecognizer,
    YuNet,
    read_photo,
)

PHOTO = Path(__file__).parents[1] / "examples" / "eileen_collins.png"
PIXELS = np.asarray(Image.open(PHOTO).convert("RGB"))


def is_on_the_face(face: Face) -> bool:
    """Whether the box is that of the README, within 3 pixels."""
    return bool(np.allclose(face.box_xyxy, (178, 63, 268, 176), atol=3))


def test_opencv_is_not_installed() -> None:
    assert find_spec("cv2") is None


@pytest.mark.parametrize("search", ["fast", "thorough"])
def test_an_array_gives_a_face_with_a_label(search: str) -> None:
    detector = YuNet(search=search)  # type: ignore[arg-type]
    with ExpressionRecognizer(detector=detector) as recognizer:
        (face,) = recognizer.recognize(PIXELS, color="rgb")
    assert is_on_the_face(face)
    assert face.label in recognizer.labels


def test_a_large_array_is_downscaled() -> None:
    large = np.repeat(np.repeat(PIXELS, 3, axis=0), 3, axis=1)
    with ExpressionRecognizer() as recognizer:
        (face,) = recognizer.recognize(large, color="rgb")
    assert np.allclose(np.array(face.box_xyxy) / 3, (178, 63, 268, 176), atol=3)


def test_arrays_of_a_video_are_tracked() -> None:
    with VideoRecognizer() as recognizer:
        frames = [(number / 10, PIXELS) for number in range(3)]
        results = list(recognizer.stream(frames, color="rgb"))
    assert [[face.id for face in result.faces] for result in results] == [[1]] * 3
    assert [result.searched for result in results] == [True, False, False]


def test_reading_a_photo_says_what_to_install() -> None:
    with pytest.raises(MissingDependencyError, match="pip install opencv-python-headless"):
        read_photo(PHOTO)


def test_commands_name_the_missing_package() -> None:
    done = run("image", str(PHOTO))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "needs the package cv2, which is not installed" in line
    done = run("doctor")
    assert done.returncode == 0, done.stderr
    (line,) = [
        line for line in done.stdout.splitlines() if line.split()[:2] == ["missing", "opencv"]
    ]
    assert line.endswith("pip install opencv-python")


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    code = "from fer_sdk.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)
