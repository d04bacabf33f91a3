"""Videos as cameras, editors and broadcasters write them."""

import json
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result
from tests.command_line import run_command
from tests.media import SOUND, ffmpeg, portrait

from fer_sdk import VideoFile, read_photo
from fer_sdk.cli.main import main
from fer_sdk.errors import InputError, StreamError
from fer_sdk.inputs.containers import missing_bytes


def fer(*words: object) -> Result:
    return run_command(main, *words)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """base.mp4, and the same with five seconds of sound in each container."""
    path = tmp_path_factory.mktemp("containers")
    base = portrait(path / "base.mp4")
    for suffix in ("mp4", "mkv", "ts", "flv"):
        ffmpeg(*SOUND, "-i", base, "-map", "1:v", "-map", "0:a", "-c:v", "copy", "-c:a", "aac",
               path / f"sound.{suffix}")  # fmt: skip
    return path


def frames_of(path: Path) -> list[float]:
    with VideoFile(path) as video:
        return [frame.time_s for frame in video]


def test_longer_sound_is_no_damage(folder: Path) -> None:
    for suffix in ("mp4", "mkv", "ts", "flv"):
        assert len(frames_of(folder / f"sound.{suffix}")) == 48, suffix


def test_an_edit_list_and_a_late_begin_are_no_damage(folder: Path, tmp_path: Path) -> None:
    ffmpeg("-ss", 0.8, "-i", folder / "base.mp4", "-c", "copy", tmp_path / "edit.mp4")
    with VideoFile(tmp_path / "edit.mp4") as video:
        read = len(list(video))
        assert video.frame_count is not None
        assert read < video.frame_count  # the frames before the cut are hidden
    ffmpeg("-itsoffset", 5, "-i", folder / "base.mp4", "-c", "copy", tmp_path / "late.mkv")
    assert len(frames_of(tmp_path / "late.mkv")) == 48
    done = fer("video", tmp_path / "edit.mp4", "--csv", tmp_path / "edit.csv")
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("name", ["base.mp4", "sound.mkv", "sound.mp4"])
def test_a_truncated_container_is_damage(name: str, folder: Path, tmp_path: Path) -> None:
    whole = folder / name
    assert missing_bytes(whole) == 0
    if whole.suffix == ".mp4":  # the index comes first, so that the beginning can be read
        whole = tmp_path / f"fast-{name}"
        ffmpeg("-i", folder / name, "-c", "copy", "-movflags", "+faststart", whole)
    cut = tmp_path / name
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    assert missing_bytes(cut) > 0
    with VideoFile(cut) as video, pytest.raises(StreamError, match=r"is truncated: .* missing"):
        list(video)


def test_sizes_of_containers_are_read_exactly(face_video: Path, tmp_path: Path) -> None:
    path = tmp_path / "file"
    whole = face_video.read_bytes()
    for data, missing in (
        (whole, 0),
        (whole[:-100], 100),
        (b"\0\0\0\x10ftypisom0000" + b"\0\0\0\x01mdat" + (32).to_bytes(8, "big") + bytes(16), 0),
        (b"\0\0\0\x10ftypisom0000" + b"\0\0\0\x01mdat" + (40).to_bytes(8, "big") + bytes(16), 8),
        (b"\0\0\0\x10ftypisom0000" + b"\0\0\0\0mdat" + bytes(5), 0),
        (b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\x84abc", 1),
        (b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff\x1f\x43\xb6\x75\x84ab", 2),
        (b"\x1a\x45\xdf\xa3\x80\x18\x53\x80\x67\xff\x1f\x43\xb6\x75\xffab", 0),
        (b"\x1a\x45\xdf\xa3\x80\x00\x00", 0),
        (b"G" * 188, 0),
        (b"", 0),
        (b"\0\0\0\1ftyp", 0),
    ):
        path.write_bytes(data)
        assert missing_bytes(path) == missing, data[:40]


def test_a_damaged_middle_is_reported_as_a_gap(folder: Path, tmp_path: Path) -> None:
    data = bytearray((folder / "sound.ts").read_bytes())
    begin = len(data) * 2 // 10 // 188 * 188
    data[begin : begin + len(data) * 4 // 10] = bytes(len(data) * 4 // 10)
    (tmp_path / "damaged.ts").write_bytes(data)
    with VideoFile(tmp_path / "damaged.ts") as video:
        read = len(list(video))
        assert 5 < read < 45
        (gap,) = video.gaps
    assert gap[1] - gap[0] > 0.3
    done = fer("video", tmp_path / "damaged.ts", "--csv", tmp_path / "out.csv")
    assert done.exit_code == 0
    assert f"no frame from {gap[0]:.2f} to {gap[1]:.2f} s" in done.stderr


@pytest.mark.parametrize(
    ("aspect", "size"), [("64/45", (568, 300)), ("4/3", (534, 300)), ("8/9", (400, 338))]
)
def test_pixels_that_are_not_square_are_stretched(
    aspect: str, size: tuple[int, int], tmp_path: Path
) -> None:
    path = portrait(tmp_path / "in.mp4", "-vf", f"crop=400:300:30:0,setsar={aspect}", frames=3)
    with VideoFile(path) as video:
        shapes = {frame.image.shape for frame in video}
    assert shapes == {(size[1], size[0], 3)}
    done = fer("video", path, "--out", tmp_path / "out.avi")
    assert done.exit_code == 0, done.output
    capture = cv2.VideoCapture(str(tmp_path / "out.avi"))
    assert capture.get(cv2.CAP_PROP_FRAME_WIDTH) == size[0]


def test_a_codec_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    class NoDecoder:
        def __init__(self, *source: object) -> None:
            pass

        def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
            return True

        def get(self, name: int) -> float:
            code = cv2.VideoWriter.fourcc(*"av01")
            return {cv2.CAP_PROP_FOURCC: code, cv2.CAP_PROP_FPS: 24.0}.get(name, 64.0)

        def grab(self) -> bool:
            return False

        def retrieve(self) -> tuple[bool, None]:
            return False, None

        def read(self) -> tuple[bool, None]:
            return False, None

        def release(self) -> None:
            pass

    path = tmp_path / "film.mp4"
    path.write_bytes(b"x")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cv2, "VideoCapture", NoDecoder)
        with (
            VideoFile(path) as video,
            pytest.raises(InputError, match=r"its codec av01; convert it.* ffmpeg -i film\.mp4"),
        ):
            list(video)


def test_a_pause_keeps_every_frame_and_its_time(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "pause.mp4"
    ffmpeg("-i", folder / "base.mp4", "-vf", "select='lt(n,12)+gt(n,40)'", "-vsync", "vfr",
           "-c:v", "libx264", path)  # fmt: skip
    times_s = frames_of(path)
    with VideoFile(path) as video:
        assert video.fps < 15
        assert video.peak_fps() == pytest.approx(24, abs=0.1)
    done = fer("video", path, "--out", tmp_path / "out.mp4", "--json", tmp_path / "out.json")
    assert done.exit_code == 0, done.output
    with VideoFile(tmp_path / "out.mp4") as video:
        assert video.fps == pytest.approx(24, abs=0.1)
        shown = [frame.time_s for frame in video]
    assert shown[-1] == pytest.approx(times_s[-1] - times_s[0], abs=0.06)


def test_one_frame_in_five_seconds_is_one_person(tmp_path: Path) -> None:
    path = portrait(tmp_path / "slow.mp4", "-vf", "crop=400:300:30:0,setpts=N*5/TB", "-r", "0.2",
                    frames=6)  # fmt: skip
    done = fer("video", path, "--json", tmp_path / "out.json")
    assert done.exit_code == 0, done.output
    frames = json.loads((tmp_path / "out.json").read_text())["frames"]
    assert frames[1]["time_s"] - frames[0]["time_s"] > 2
    assert {face["id"] for frame in frames for face in frame["faces"]} == {1}
    assert min(frame["time_s"] for frame in frames) >= 0


def test_sound_is_copied_into_the_annotated_video(folder: Path, tmp_path: Path) -> None:
    for name in ("sound.mkv", "base.mp4"):
        done = fer("video", folder / name, "--out", tmp_path / f"{name}.mp4")
        assert done.exit_code == 0, done.output
        streams = probe(tmp_path / f"{name}.mp4")
        assert [s["codec_type"] for s in streams] == ["video", "audio"][: 1 + (name != "base.mp4")]
        for stream in streams:
            assert float(stream["duration"]) == pytest.approx(2, abs=0.1)
    refused = fer("video", folder / "sound.mkv", "--out", tmp_path / "out.webm")
    assert refused.exit_code == 0
    assert "out.webm has no sound: " in refused.stderr
    assert len(probe(tmp_path / "out.webm")) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base.mp4.mp4", "out.webm",
                                                          "sound.mkv.mp4"]  # fmt: skip


def probe(path: Path) -> list[dict[str, str]]:
    program = shutil.which("ffprobe")
    assert program is not None
    done = subprocess.run([program, "-v", "error", "-show_streams", "-of", "json", path],
                          capture_output=True, check=True)  # fmt: skip
    streams: list[dict[str, str]] = json.loads(done.stdout)["streams"]
    return streams


def test_a_name_that_is_not_utf_8_is_refused(face_video: Path, tmp_path: Path) -> None:
    path = tmp_path / "film\udcff.mp4"
    shutil.copy(face_video, path)
    for words in (("video", path), ("video", face_video, "--out", tmp_path / "out\udcff.mp4")):
        done = fer(*words)
        assert done.exit_code == 1, done.output
        (line,) = done.stderr.splitlines()
        assert "whose name is not valid UTF-8: rename it" in line
    assert list(tmp_path.iterdir()) == [path]


def test_the_first_frame_of_a_stretched_video_is_the_photo(tmp_path: Path) -> None:
    path = portrait(tmp_path / "in.mp4", "-vf", "crop=400:300:30:0,scale=300:300,setsar=4/3",
                    frames=2)  # fmt: skip
    with VideoFile(path) as video:
        frame = next(iter(video)).image
    photo = read_photo(Path(__file__).parents[2] / "examples" / "eileen_collins.png")
    assert abs(frame.astype(int) - photo[:300, 30:430]).mean() < 6
    assert np.asarray(frame).shape == (300, 400, 3)
