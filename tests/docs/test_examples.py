"""Each script of examples/ runs and prints the expected lines."""

import csv
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

import fer_sdk
from fer_sdk import ExpressionRecognizer, VideoFile, read_photo

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(script: str, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, EXAMPLES / script, *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_photo(sample_photo: Path) -> None:
    done = run("photo.py", sample_photo)
    assert re.match(r"happy (9\d|100)%", done.stdout), done.stderr


def test_own_detector(sample_photo: Path) -> None:
    done = run("own_detector.py", sample_photo)
    assert done.stdout.splitlines() == [run("photo.py", sample_photo).stdout.strip()], done.stderr


def test_video_prints_changes_only(face_video: Path) -> None:
    lines = run("video.py", face_video).stdout.splitlines()
    assert "face 1: happy" in lines[-1]
    assert len(lines) < 5


def test_crops(sample_photo: Path, tmp_path: Path) -> None:
    with ExpressionRecognizer() as recognizer:
        image = read_photo(sample_photo)
        crops = recognizer.crops(image, recognizer.detector.detect(image), color="bgr")
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), cv2.cvtColor(crops[0], cv2.COLOR_GRAY2BGR))
    done = run("crops.py", tmp_path / "a.png", tmp_path / "b.png")
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr
    assert all(re.search(r": happy (9\d|100)%", line) for line in lines)


def test_folder(sample_photo: Path, tmp_path: Path) -> None:
    broken = tmp_path / "photos" / "broken.jpg"
    broken.parent.mkdir()
    broken.write_bytes(b"")
    shutil.copy(sample_photo, broken.parent)
    done = run("folder.py", broken.parent, tmp_path / "faces.csv")
    # A library does not redirect the process's stderr, where LiteRT writes this line per model.
    native = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."
    lines = [line for line in done.stderr.splitlines() if line != native]
    assert lines == [f"{broken} is empty (0 bytes)"]
    with (tmp_path / "faces.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["photo"], row["label"]) == (str(broken.parent / sample_photo.name), "happy")


def test_webcam_shows_frames_until_q(face_video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[object] = []
    keys = iter([-1, -1, ord("q")])
    monkeypatch.setattr(fer_sdk, "Camera", lambda device: VideoFile(face_video))
    monkeypatch.setattr(cv2, "imshow", lambda name, image: shown.append(image))
    monkeypatch.setattr(cv2, "waitKey", lambda milliseconds: next(keys))
    monkeypatch.setattr(sys, "argv", ["webcam.py"])
    runpy.run_path(str(EXAMPLES / "webcam.py"))
    assert len(shown) == 3


def test_webcam_without_a_camera_prints_one_error() -> None:
    done = run("webcam.py", 63)
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot open camera 63")
    assert "Traceback" not in done.stderr
