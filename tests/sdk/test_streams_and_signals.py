"""Standard streams that are closed or full, other threads' output, and signals."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from fer_sdk import VideoFile, read_photo

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors and signals are POSIX")
ROOT = Path(__file__).parents[2]
LONG_FRAMES = 600
"""Many more than are labelled before the signal comes."""


def shell(words: str, *names: Path) -> subprocess.CompletedProcess[str]:
    command = words.replace("fer", f"{sys.executable} -m tests.fer", 1)
    return subprocess.run(["sh", "-c", command, "sh", *map(str, names)], cwd=ROOT, text=True,
                          capture_output=True, check=False)  # fmt: skip


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_or_closed_stdout_is_one_line_and_keeps_the_results(
    sample_photo: Path, tmp_path: Path
) -> None:
    for redirect, code, lines in (
        (">&-", 0, 0), ("> /dev/full", 1, 1), ("2>&-", 0, 0), ("2> /dev/full", 0, 0),
    ):  # fmt: skip
        out = tmp_path / "faces.jsonl"
        done = shell(f'fer image "$1" --jsonl "$2" --overwrite {redirect}', sample_photo, out)
        assert (done.returncode, len(done.stderr.splitlines())) == (code, lines), done.stderr
        if lines:
            assert done.stderr.startswith("error: cannot print to stdout or stderr: No space left")
        assert len(json.loads(out.read_text())["faces"]) == 1
        out.unlink()
    assert list(tmp_path.iterdir()) == []


def test_stdout_and_stderr_may_be_none(sample_photo: Path) -> None:
    code = (
        "import sys; out = sys.stdout; sys.stdout = sys.stderr = None\n"
        "from fer_sdk import ExpressionRecognizer, VideoFile, process_photos\n"
        "(photo,) = process_photos([sys.argv[1]])\n"
        "out.write(photo[0].label)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(sample_photo)], cwd=ROOT, text=True,
                          capture_output=True, check=True)  # fmt: skip
    assert done.stdout == "happy"


def test_lines_of_another_thread_are_kept_while_files_are_opened(
    face_video: Path, sample_photo: Path, tmp_path: Path
) -> None:
    code = """
import os, sys, threading
from fer_sdk import PhotoProcessor, VideoFile, VideoSink
stop, written = threading.Event(), 0
def log():
    global written
    while not stop.is_set():
        os.write(1, b"a line of the application\\n")
        written += 1
thread = threading.Thread(target=log)
thread.start()
with PhotoProcessor() as processor:
    for _ in range(15):
        VideoFile(sys.argv[1]).close()
        processor.process(sys.argv[2])
stop.set()
thread.join()
os.write(2, b"written %d" % written)
"""
    done = subprocess.run([sys.executable, "-c", code, str(face_video), str(sample_photo)],
                          cwd=ROOT, capture_output=True, check=True)  # fmt: skip
    written = int(done.stderr.rsplit(b"written ", 1)[1])
    assert written > 100
    assert len(done.stdout.splitlines()) == written


@pytest.fixture(scope="module")
def long_video(face_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "long.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 24, (480, 360))
    capture = cv2.VideoCapture(str(face_video))
    _, frame = capture.read()
    for _ in range(LONG_FRAMES):
        writer.write(frame)
    writer.release()
    return path


@pytest.mark.parametrize("name", ["SIGHUP", "SIGTERM", "SIGINT"])
def test_a_signal_keeps_the_frames_until_then(name: str, long_video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = {kind: out / f"faces.{kind}" for kind in ("csv", "json", "jsonl")}
    words = [word for kind, path in names.items() for word in (f"--{kind}", path)]
    run = subprocess.Popen(
        [sys.executable, "-m", "tests.fer", "video", long_video, *words,
         "--out", out / "faces.mp4"],
        cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while not any(part.stat().st_size > 2000 for part in out.glob(".faces*csv*")):
        assert time.monotonic() < end
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(getattr(signal, name))
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 130
    stopped = re.search(rf"stopped after (\d+) of {LONG_FRAMES} frames, which are kept", errors)
    assert stopped, errors
    frames = int(stopped[1])
    assert 0 < frames < LONG_FRAMES
    assert sorted(path.name for path in out.iterdir()) == [
        "faces.csv", "faces.json", "faces.jsonl", "faces.mp4"
    ]  # fmt: skip
    with names["csv"].open(newline="") as file:
        assert len(list(csv.DictReader(file))) == frames  # one face in each
    records = json.loads(names["json"].read_text())["frames"]
    assert len(records) == frames
    assert [json.loads(line) for line in names["jsonl"].read_text().splitlines()] == records
    with VideoFile(out / "faces.mp4") as video:
        assert sum(1 for _ in video) == frames


def test_termination_leaves_no_hidden_file(sample_photo: Path, tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from fer_sdk._internal import files
from fer_sdk.cli.main import main
original = files.write_beside
import fer_sdk.outputs.annotate as annotate
def write(path, picture):
    with original(Path(path)) as temporary:
        temporary.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGHUP)
annotate.write_picture = write
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "image", str(sample_photo), "--out", str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_ignored_hangup_stays_ignored(sample_photo: Path) -> None:
    code = (
        "import os, signal\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from fer_sdk.cli.stop_signals import interrupt_on_termination, stop_signals\n"
        "with interrupt_on_termination(), stop_signals() as stopped:\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    assert not stopped()\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    assert stopped()\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert os.path.exists(sample_photo)  # noqa: PTH110
    assert read_photo(sample_photo).ndim == 3
