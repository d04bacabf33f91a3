"""`fer video`, `fer camera` and `fer timeline`."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import Result
from tests.command_line import run_command
from tests.synthetic import moving_face

from fer_sdk import VideoFile, read_photo
from fer_sdk.bundles.registry import DEFAULT_MODEL
from fer_sdk.cli.main import main
from fer_sdk.inputs import camera as camera_module
from fer_sdk.outputs.timeline_plot import read_timelines
from fer_sdk.video.recognizer import VideoRecognizer


def fer(*words: object) -> Result:
    return run_command(main, *words)


def one_line(done: Result) -> str:
    (line,) = done.stderr.splitlines()
    return line


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def results(face_video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of `fer video` for the moving face: moving.mp4, .csv, .json in a folder."""
    folder = tmp_path_factory.mktemp("results")
    done = fer("video", face_video, "--out", folder / "moving.mp4",
               "--csv", folder / "moving.csv", "--json", folder / "moving.json")  # fmt: skip
    assert done.exit_code == 0, done.output
    summary, *paths = done.stdout.splitlines()
    assert summary == "face 1, 0.0 to 2.5 s: happy 100%; 0 changes"
    assert paths == [str(folder / f"moving{suffix}") for suffix in (".mp4", ".csv", ".json")]
    assert sorted(path.name for path in folder.iterdir()) == ["moving.csv", "moving.json",
                                                              "moving.mp4"]  # fmt: skip
    return folder


def test_the_annotated_video_shows_every_frame_with_its_box(
    results: Path, face_video: Path
) -> None:
    rows = rows_of(results / "moving.csv")
    with VideoFile(results / "moving.mp4") as drawn, VideoFile(face_video) as plain:
        assert drawn.fps == 24
        pairs = list(zip(drawn, plain, rows, strict=True))
    assert len(pairs) == 60
    for picture, frame, row in pairs[::7]:
        left, top, right, bottom = (
            round(float(row[f"box_xyxy_{s}"])) for s in ("left", "top", "right", "bottom")
        )
        changed = abs(picture.image.astype(int) - frame.image).max(axis=2)
        assert changed[top + 20 : bottom - 20, left - 1 : left + 2].max(axis=1).mean() > 60
        assert np.median(changed[:, min(right + 30, 470) :]) < 12


def test_csv_holds_the_values_of_json(results: Path) -> None:
    rows = rows_of(results / "moving.csv")
    text = json.loads((results / "moving.json").read_text())
    assert [frame["frame_index"] for frame in text["frames"]] == list(range(60))
    assert (text["schema"], text["model"], text["fps"]) == (3, DEFAULT_MODEL, 24)
    for row, frame in zip(rows, text["frames"], strict=True):
        (face,) = frame["faces"]
        assert row == {name: str(value) for name, value in by_hand(frame, face).items()}
        assert row["id"] == "1"
        assert row["label"] == "happy"
        assert sum(face["scores"].values()) == pytest.approx(1, abs=1e-5)
        assert sum(face["raw_scores"].values()) == pytest.approx(1, abs=1e-5)
        negative = sum(face["scores"][name] for name in ("angry", "disgust", "fear", "sad"))
        assert face["valence"] == pytest.approx(face["scores"]["happy"] - negative, abs=1e-5)
        assert (face["change"], face["changed_to"]) == (None, None)


def by_hand(frame: dict[str, Any], face: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a face, written out."""
    left, top, right, bottom = face["box_xyxy"]
    points = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
    angles = ("yaw_degrees", "pitch_degrees", "roll_degrees")
    return {
        "frame_index": frame["frame_index"], "time_s": frame["time_s"],
        "searched": frame["searched"], "id": face["id"],
        "box_xyxy_left": left, "box_xyxy_top": top, "box_xyxy_right": right,
        "box_xyxy_bottom": bottom,
        **{f"landmarks_{p}_{axis}": face["landmarks"][p][i]
           for p in points for i, axis in enumerate("xy")},
        "score": face["score"], "label": face["label"], "confidence": face["confidence"],
        "uncertain": face["uncertain"],
        **{f"scores_{label}": score for label, score in face["scores"].items()},
        **{f"quality_{name}": face["quality"][name] for name in ("size_px", "sharpness", *angles)},
        "quality_reasons": "; ".join(face["quality"]["reasons"]), "raw_label": face["raw_label"],
        **{f"raw_scores_{label}": score for label, score in face["raw_scores"].items()},
        "valence": face["valence"],
        **{f"change_{label}": "" for label in face["scores"]}, "changed_to": "",
    }  # fmt: skip


def test_json_lines_hold_the_frames_of_json(
    results: Path, face_video: Path, tmp_path: Path
) -> None:
    path = tmp_path / "moving.jsonl"
    assert fer("video", face_video, "--jsonl", path).exit_code == 0
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == json.loads((results / "moving.json").read_text())["frames"]


def test_parquet_has_the_rows_of_the_csv(results: Path, face_video: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs the extra `parquet`")
    path = tmp_path / "moving.parquet"
    assert fer("video", face_video, "--parquet", path).exit_code == 0
    rows = parquet.read_table(path).to_pylist()
    as_text = [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
    assert as_text == rows_of(results / "moving.csv")


def test_a_file_is_not_replaced_unasked_and_never_the_source(
    results: Path, face_video: Path, tmp_path: Path
) -> None:
    again = fer("video", face_video, "--csv", results / "moving.csv")
    assert again.exit_code == 1
    assert "--overwrite" in one_line(again)
    assert "is an input, which this command reads" in one_line(
        fer("video", face_video, "--out", face_video, "--overwrite")
    )
    twice = fer("video", face_video, "--csv", tmp_path / "a", "--json", tmp_path / "a")
    assert "are the same file" in one_line(twice)
    assert not (tmp_path / "a").exists()


def test_frames_of_uneven_times_are_shown_at_their_times(
    face_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times_s = [0, 1 / 24, 2 / 24, 10 / 24, 11 / 24]
    original = VideoFile.__iter__

    def uneven(self: VideoFile) -> Any:
        for time_s, (_, image) in zip(times_s, original(self), strict=False):
            yield time_s, image

    monkeypatch.setattr(VideoFile, "__iter__", uneven)
    assert fer("video", face_video, "--out", tmp_path / "out.avi").exit_code == 0
    assert cv2.VideoCapture(str(tmp_path / "out.avi")).get(cv2.CAP_PROP_FRAME_COUNT) == 12


@pytest.mark.parametrize("suffix", [".mov", ".mkv", ".avi", ".webm"])
def test_other_kinds_of_video_are_written(
    suffix: str, face_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_at(monkeypatch, 6)
    path = tmp_path / f"out{suffix}"
    assert fer("video", face_video, "--out", path).exit_code == 130
    with VideoFile(path) as video:
        assert len(list(video)) == 6


def stop_at(monkeypatch: pytest.MonkeyPatch, frame: int) -> None:
    """Press Ctrl-C while a frame is worked on."""
    original = VideoRecognizer.recognize

    def recognize(self: VideoRecognizer, *words: Any, **named: Any) -> Any:
        result = original(self, *words, **named)
        if result.frame_index == frame - 1:
            os.kill(os.getpid(), signal.SIGINT)
        return result

    monkeypatch.setattr(VideoRecognizer, "recognize", recognize)


def check_kept(folder: Path, frames: int) -> None:
    """Check that three files hold so many frames and nothing else is left."""
    assert sorted(path.name for path in folder.iterdir()) == ["out.csv", "out.json", "out.mp4"]
    assert len(rows_of(folder / "out.csv")) == frames
    assert len(json.loads((folder / "out.json").read_text())["frames"]) == frames
    with VideoFile(folder / "out.mp4") as video:
        assert len(list(video)) == frames


def three_files(folder: Path) -> list[object]:
    return ["--out", folder / "out.mp4", "--csv", folder / "out.csv", "--json", folder / "out.json"]


def test_ctrl_c_keeps_the_frames_until_then(
    face_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGINT)
    stop_at(monkeypatch, 20)
    done = fer("video", face_video, *three_files(tmp_path))
    assert done.exit_code == 130
    assert one_line(done) == "stopped after 20 of 60 frames, which are kept"
    check_kept(tmp_path, 20)
    assert signal.getsignal(signal.SIGINT) == before


def test_a_disk_that_fills_up_keeps_the_frames_until_then(
    face_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([10**9] * 3 * 25)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: usage._replace(free=next(free, 15_000_000))
    )
    done = fer("video", face_video, *three_files(tmp_path))
    assert done.exit_code == 1
    assert "15 MB free, 16 MB needed" in one_line(done)
    assert "stopped after 25 of 60 frames, which are kept" in one_line(done)
    check_kept(tmp_path, 25)


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
@pytest.mark.parametrize("kind", ["csv", "json", "jsonl"])
def test_a_write_that_fails_midway_leaves_complete_rows(
    kind: str, face_video: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"out.{kind}"
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)); "
        "from fer_sdk.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "video", str(face_video), f"--{kind}", str(path)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    (line,) = done.stderr.splitlines()
    assert f"cannot write {path}" in line
    frames = int(line.split("stopped after ")[1].split()[0])
    assert 3 <= frames < 40
    if kind == "csv":
        rows = rows_of(path)
        assert len(rows) == frames
        assert all(None not in row.values() for row in rows)
    elif kind == "json":
        assert len(json.loads(path.read_text())["frames"]) == frames
    else:
        assert len([json.loads(line) for line in path.read_text().splitlines()]) == frames


def test_a_video_that_opencv_silently_failed_to_write_is_refused(
    face_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lossy:
        """Takes every frame and writes the first three."""

        def __init__(self) -> None:
            self.real = real()
            self.left = 3

        def __getattr__(self, name: str) -> Any:
            return getattr(self.real, name)

        def write(self, picture: Any) -> None:
            self.left -= 1
            if self.left >= 0:
                self.real.write(picture)

        fourcc = staticmethod(cv2.VideoWriter.fourcc)

    real = cv2.VideoWriter
    monkeypatch.setattr(cv2, "VideoWriter", Lossy)
    done = fer("video", face_video, *three_files(tmp_path))
    assert done.exit_code == 1
    assert "only 3 of 60 frames of" in one_line(done)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "out.json"]


def test_a_video_cut_off_midway_keeps_the_frames_until_then(
    face_video: Path, tmp_path: Path
) -> None:
    cut, out = tmp_path / "cut.avi", tmp_path / "out"
    cut.write_bytes(face_video.read_bytes()[: face_video.stat().st_size // 2])
    done = fer("video", cut, *three_files(out))
    assert done.exit_code == 1
    line = one_line(done)
    assert "is truncated: " in line
    check_kept(out, int(line.split("stopped after ")[1].split()[0]))


def bad_video(kind: str, folder: Path) -> Path:
    path = folder / "in.avi"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("I am no video\n" * 50)
    elif kind == "no face":
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 24, (320, 240))
        for _ in range(5):
            writer.write(np.full((240, 320, 3), 90, np.uint8))
        writer.release()
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", "no video at"),
        ("empty", "is empty"),
        ("text", "is not a video"),
        ("no face", "no face found in 5 frames"),
    ],
)
def test_bad_video_gives_one_line_exit_code_1_and_leaves_nothing(
    kind: str, message: str, tmp_path: Path
) -> None:
    path = bad_video(kind, tmp_path)
    out = tmp_path / "out"
    done = fer("video", path, *three_files(out))
    assert done.exit_code == 1
    assert done.stdout == ""
    assert one_line(done).startswith("error: ")
    assert message in one_line(done)
    assert not out.exists() or list(out.iterdir()) == []


def test_an_unknown_kind_of_video_is_refused(face_video: Path, tmp_path: Path) -> None:
    done = fer("video", face_video, "--out", tmp_path / "out.gif")
    assert done.exit_code == 1
    assert "must end in one of .mp4" in one_line(done)


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [(["video", "{video}", "--parquet", "{out}"], "pyarrow", "parquet"),
     (["timeline", "{json}", "--out", "{out}.png"], "matplotlib", "plot")],
)  # fmt: skip
def test_a_missing_extra_is_one_line(
    words: list[str], package: str, extra: str, results: Path, face_video: Path, tmp_path: Path
) -> None:
    names = {"video": face_video, "json": results / "moving.json", "out": tmp_path / "out"}
    program = (
        f"import sys; sys.modules[{package!r}] = None\nfrom fer_sdk.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *(word.format(**names) for word in words)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"needs the package {package}" in line
    assert f"pip install 'fer-sdk[{extra}]'" in line
    assert list(tmp_path.iterdir()) == []


class FakeCamera:
    """Stands for `cv2.VideoCapture`: the moving face, then it is unplugged."""

    def __init__(self, device: int) -> None:
        self.read_frames = 0

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return True

    def set(self, name: int, value: float) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        self.read_frames += 1
        return (True, moving_face(self.read_frames)) if self.read_frames <= 10 else (False, None)

    def release(self) -> None:
        pass


def test_a_headless_camera_prints_changes_until_it_is_unplugged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    done = fer("camera", "--headless", "--device", 1, "--reconnect", 0)
    assert done.exit_code == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith("0.0 s, face 1: happy ")
    assert one_line(done) == "error: camera 1 stopped after 10 frames: check that it is connected"


def test_a_camera_prints_json_lines_and_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    left = iter([10, 0, 10])

    class Returns(FakeCamera):
        def __init__(self, device: int) -> None:
            super().__init__(device)
            self.read_frames = 10 - next(left, 0)

        def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
            return True

    monkeypatch.setattr(cv2, "VideoCapture", Returns)
    monkeypatch.setattr(camera_module, "RETRY_S", 0.01)
    words = ("camera", "--headless", "--reconnect", "0.2", "--jsonl", "-")
    done = fer(*words)
    assert done.exit_code == 1
    frames = [json.loads(line) for line in done.stdout.splitlines()]
    assert [frame["frame_index"] for frame in frames] == list(range(20))
    assert frames[0]["faces"][0]["label"] == "happy"
    again, error = done.stderr.splitlines()
    assert again == "the camera was opened again once after it stopped"
    assert "stopped after 20 frames and did not return within 0.2 s" in error
    left = iter([10, 0, 10])
    (line,) = fer(*words, "--jsonl-changes").stdout.splitlines()
    assert json.loads(line)["frame_index"] == 0


def test_a_camera_keeps_a_json_lines_file_when_it_is_unplugged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    words = ("camera", "--headless", "--reconnect", "0", "--jsonl", tmp_path / "a.jsonl")
    assert fer(*words).exit_code == 1
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == 10
    assert "already exists" in one_line(fer(*words))
    assert "--jsonl-changes needs --jsonl" in fer("camera", "--jsonl-changes").stderr


@pytest.mark.parametrize("option", ["--csv", "--json", "--parquet", "--out"])
def test_only_json_lines_are_printed_to_stdout(option: str, face_video: Path) -> None:
    done = fer("video", face_video, option, "-")
    assert done.exit_code == 2
    assert "'-' is stdout, which only --jsonl of fer video and fer camera can write" in done.stderr


@pytest.mark.parametrize("wrong", ["x", "0", "3-1", "100"])
def test_an_invalid_baseline_is_wrong_usage(wrong: str, face_video: Path) -> None:
    done = fer("video", face_video, "--baseline", wrong)
    assert done.exit_code == 2
    assert "is not SECONDS or FROM-TO, such as 3 or 0-3" in done.stderr


def test_json_lines_on_stdout_are_those_of_the_file(
    results: Path, face_video: Path, tmp_path: Path
) -> None:
    done = fer("video", face_video, "--jsonl", "-", "--csv", tmp_path / "a.csv")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == json.loads((results / "moving.json").read_text())["frames"]
    assert done.stderr.splitlines() == [
        "face 1, 0.0 to 2.5 s: happy 100%; 0 changes", str(tmp_path / "a.csv"),
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="head is POSIX")
def test_a_closed_pipe_ends_the_lines_and_keeps_the_files(face_video: Path, tmp_path: Path) -> None:
    program = f"{sys.executable} -m tests.fer"
    root = Path(__file__).parents[2]
    for more, rows in (("", None), ('--csv "$2"', 60)):
        command = f'( {program} video "$1" --jsonl - {more}; echo $? >&2 ) | head -n 2'
        done = subprocess.run(
            ["sh", "-c", command, "sh", str(face_video), str(tmp_path / "a.csv")], cwd=root,
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert [json.loads(line)["frame_index"] for line in done.stdout.splitlines()] == [0, 1]
        assert done.stderr.splitlines()[-1] == "0"
        assert "Error" not in done.stderr
        if rows is not None:
            assert len(rows_of(tmp_path / "a.csv")) == rows


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_full_disk_behind_stdout_is_one_line(face_video: Path) -> None:
    command = f'{sys.executable} -m tests.fer video "$1" --jsonl - > /dev/full'
    done = subprocess.run(
        ["sh", "-c", command, "sh", str(face_video)], cwd=Path(__file__).parents[2],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if "error" in line]
    assert "cannot print to stdout: No space left" in line


def test_a_part_of_a_video_is_used(results: Path, face_video: Path, tmp_path: Path) -> None:
    path = tmp_path / "part.csv"
    done = fer("video", face_video, "--csv", path, "--every", 5, "--from", 0.5, "--to", 2)
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    times_s = [float(row["time_s"]) for row in rows_of(results / "moving.csv")]
    assert [float(row["time_s"]) for row in rows_of(path)] == [
        time_s for time_s in times_s if 0.5 <= time_s <= 2
    ][::5]
    late = fer("video", face_video, "--csv", tmp_path / "late.csv", "--from", 60)
    assert late.exit_code == 1
    assert "has no frame from 60 s on: its last is at 2.458 s" in one_line(late)
    assert not (tmp_path / "late.csv").exists()
    assert "must begin at 0 s" in one_line(fer("video", face_video, "--from", 2, "--to", 1))


def test_sound_is_left_out_with_a_line_when_the_begin_is(face_video: Path, tmp_path: Path) -> None:
    done = fer("video", face_video, "--out", tmp_path / "a.avi", "--from", 2)
    assert done.exit_code == 0, done.output
    assert "has no sound: it is copied only from the begin on" in one_line(done)


def test_a_baseline_is_in_the_files_and_the_summary(face_video: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    done = fer("video", face_video, "--baseline", "1", "--csv", path)
    assert done.exit_code == 0, done.output
    _, told, _ = done.stdout.splitlines()
    assert told.startswith("face 1, baseline of ")
    assert "happy rather than neutral: the face may not be at rest" in told
    rows = rows_of(path)
    begun = [row["change_happy"] != "" for row in rows]
    assert begun == sorted(begun)
    first = begun.index(True)
    assert float(rows[first]["time_s"]) >= 1
    assert {row["changed_to"] for row in rows} == {""}
    never = fer("video", face_video, "--baseline", "50-60", "--csv", tmp_path / "b.csv")
    assert "face 1 has no baseline: " in never.stdout
    pytest.importorskip("matplotlib", reason="timelines need the extra `plot`")
    assert fer("timeline", path, "--out", tmp_path / "a.png").exit_code == 0
    plain, banded = (read_timelines(file)[1][0] for file in (tmp_path / "b.csv", path))
    assert (plain.with_baseline, banded.with_baseline) == (False, True)
    assert banded.changes[first - 1 : first + 1] == (None, "")
    assert banded.valence[0] == float(rows[0]["valence"])


def test_memory_does_not_grow_with_the_length_of_a_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def peak_mb(frames: int) -> float:
        length = frames

        def repeated(self: VideoFile) -> Any:
            for number in range(length):
                yield number / 2, images[number % 20]

        monkeypatch.setattr(VideoFile, "__iter__", repeated)
        tracemalloc.start()
        words = ("--csv", tmp_path / "a.csv", "--json", tmp_path / "a.json", "--overwrite")
        done = fer("video", tmp_path / "short.avi", *words, "--baseline", "1")
        assert done.exit_code == 0, done.output
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak / 1e6

    writer = cv2.VideoWriter(
        str(tmp_path / "short.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 24, (480, 360)
    )
    writer.write(moving_face(0))
    writer.release()
    images = [moving_face(number) for number in range(20)]
    peak_mb(10)  # fills caches
    short = peak_mb(30)
    assert peak_mb(120) < 1.1 * short


def test_ctrl_c_ends_a_camera_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    stop_at(monkeypatch, 4)
    done = fer("camera", "--headless", "--reconnect", 0)
    assert done.exit_code == 0
    assert done.stderr == ""


def test_a_window_shows_annotated_frames_until_q(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    keys = iter([-1, -1, ord("q")])
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(cv2, "VideoCapture", FakeCamera)
    monkeypatch.setattr(cv2, "namedWindow", lambda name, flags: None)
    monkeypatch.setattr(cv2, "resizeWindow", lambda name, width, height: None)
    monkeypatch.setattr(cv2, "imshow", lambda name, image: shown.append(image))
    monkeypatch.setattr(cv2, "waitKey", lambda ms: next(keys))
    monkeypatch.setattr(cv2, "getWindowProperty", lambda name, what: 1.0)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: shown.append("closed"))
    done = fer("camera")
    assert done.exit_code == 0, done.output
    assert len(shown) == 4
    assert shown[-1] == "closed"
    assert abs(shown[0].astype(int) - moving_face(1)).max() > 100


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
def test_no_display_and_no_camera_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    done = fer("camera")
    assert done.exit_code == 1
    assert "add --headless" in one_line(done)
    done = fer("camera", "--headless", "--device", 97)
    assert done.exit_code == 1
    assert "cannot open camera 97" in one_line(done)


def test_the_timelines_of_all_formats_are_equal(
    results: Path, face_video: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="timelines need the extra `plot`")
    pytest.importorskip("pyarrow", reason="Parquet needs the extra `parquet`")
    more = tmp_path / "moving.parquet", tmp_path / "moving.jsonl"
    assert fer("video", face_video, "--parquet", more[0], "--jsonl", more[1]).exit_code == 0
    pictures = []
    for source in (results / "moving.csv", results / "moving.json", *more):
        out = tmp_path / f"{source.suffix[1:]}.png"
        done = fer("timeline", source, "--out", out)
        assert done.exit_code == 0, done.output
        assert done.stdout == f"{out}\n"
        pictures.append(read_photo(out, convert=True))
    for picture in pictures[1:]:
        np.testing.assert_array_equal(picture, pictures[0])
    # Happy is the most probable all along, so its yellow covers most of the picture.
    yellow = (abs(pictures[0].astype(int) - (0x1E, 0xB0, 0xF2)).max(axis=2) < 8).mean()
    assert yellow > 0.4


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("missing.json", None, "no file at"),
        ("result.txt", "x", "must be a .csv, .json, .jsonl or .parquet file"),
        ("broken.json", "{", "is not a file of fer video"),
        ("other.json", '{"schema": 9, "frames": []}', "schema 9, not 3"),
        ("other.csv", "a,b\n1,2\n", "is not a file of fer video"),
        ("empty.json", '{"schema": 3, "labels": ["happy"], "frames": []}', "has no face"),
    ],
)
def test_a_timeline_of_something_else_is_one_line(
    name: str, text: str | None, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    done = fer("timeline", path, "--out", tmp_path / "out.png")
    assert done.exit_code == 1
    assert message in one_line(done)
    assert not (tmp_path / "out.png").exists()
