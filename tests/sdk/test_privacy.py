"""The SDK opens no network connection, writes only to the given paths and unpickles nothing."""

import ast
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import fer_sdk

ROOT = Path(__file__).parents[2]

# A seccomp filter: the kernel kills the process, or a child process, when it creates a socket.
FORBID_SOCKETS = """
import ctypes, platform, struct
number = {"x86_64": 41, "aarch64": 198}[platform.machine()]
filters = b"".join(struct.pack("HBBI", *line) for line in (
    (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7FFF0000)))
space = ctypes.create_string_buffer(filters)
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(space)))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()
"""

FULL_RUN = """
import sys
from pathlib import Path
import numpy as np
from fer_sdk import ExpressionClassifier, ExpressionRecognizer
photos, out, onnx, video = map(Path, sys.argv[1:5])
photo = next(photos.iterdir())
with ExpressionRecognizer() as recognizer:
    print(recognizer.recognize(photo)[0].label, recognizer.recognize(photo.read_bytes())[0].label)
try:
    with ExpressionClassifier.load(onnx) as classifier:
        classifier.classify([np.zeros((48, 48), np.uint8)], color="grey")
except ImportError:
    pass  # ONNX Runtime is an extra
if __name__ == "__main__":
    from fer_sdk.cli.main import main
    main(["models"], standalone_mode=False)
    arguments = ["image", str(photos), "--csv", str(out / "faces.csv"),
                 "--out", str(out / "annotated"), "--save-crops", str(out / "crops"),
                 "--processes", "2"]
    main(arguments, standalone_mode=False)
    arguments = ["video", str(video), "--csv", str(out / "video.csv"),
                 "--out", str(out / "video.mp4")]
    main(arguments, standalone_mode=False)
"""


@pytest.fixture
def photos(tmp_path: Path, sample_photo: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(3):
        shutil.copy(sample_photo, folder / f"{number}.png")
    return folder


def full_run(
    photos: Path, video: Path, before: str, golden: Path
) -> subprocess.CompletedProcess[str]:
    """Run API and commands in a new process with empty home, working and temporary folders."""
    folder = photos.parent
    for name in ("home", "tmp", "work", "out"):
        (folder / name).mkdir()
    program = folder / "program.py"
    program.write_text(before + FULL_RUN)
    hidden = {"CI", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "ORT_DISABLE_TELEMETRY"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    arguments = [
        sys.executable,
        program,
        photos,
        folder / "out",
        golden / "tiny-float32.onnx",
        video,
    ]
    return subprocess.run(
        [str(argument) for argument in arguments],
        cwd=folder / "work",
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_full_run_creates_no_socket(photos: Path, face_video: Path, golden: Path) -> None:
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("seccomp exists on Linux only")
    guarded = FORBID_SOCKETS + "import socket; socket.socket()"
    tried = subprocess.run([sys.executable, "-c", guarded], capture_output=True)
    assert tried.returncode == -31  # SIGSYS: the filter works
    done = full_run(photos, face_video, FORBID_SOCKETS, golden)
    assert done.returncode == 0, done.stderr
    assert "happy happy" in done.stdout
    assert len((photos.parent / "out" / "faces.csv").read_text().splitlines()) == 4
    assert len((photos.parent / "out" / "video.csv").read_text().splitlines()) == 61


def test_a_full_run_writes_only_to_the_given_paths(
    photos: Path, face_video: Path, golden: Path
) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in photos.iterdir()}
    done = full_run(photos, face_video, "", golden)
    assert done.returncode == 0, done.stderr
    folder = photos.parent
    for name in ("home", "tmp", "work"):
        assert list((folder / name).rglob("*")) == []
    assert {path.name: path.stat().st_mtime_ns for path in photos.iterdir()} == before
    written = {str(path.relative_to(folder / "out")) for path in (folder / "out").rglob("*.*")}
    assert written == {
        "faces.csv",
        "video.csv",
        "video.mp4",
        *(f"annotated/{number}.fer.jpg" for number in range(3)),
        *(f"crops/{number}.face1.png" for number in range(3)),
    }


def test_the_sdk_runs_without_a_writable_temporary_folder(sample_photo: Path) -> None:
    code = f"""
import tempfile
def fail(*a, **k): raise FileNotFoundError("no usable temporary directory")
tempfile.TemporaryFile = tempfile.NamedTemporaryFile = tempfile.mkstemp = fail
from fer_sdk.cli.main import main
main(["image", {str(sample_photo)!r}])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if not hasattr(os, "memfd_create"):
        pytest.skip("this system does not support files in memory")
    assert "happy" in done.stdout, done.stderr


def test_the_sdk_unpickles_nothing() -> None:
    for path in Path(fer_sdk.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, path
            forbidden = {"pickle", "cPickle", "dill", "joblib", "shelve", "marshal"}
            assert not forbidden & {name.partition(".")[0] for name in names}, path
