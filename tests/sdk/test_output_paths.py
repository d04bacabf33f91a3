"""No command writes over what it reads, or one of its outputs over another."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result
from tests.command_line import run_command

from fer_sdk import InputError, PhotoTask, process_photos, read_photo
from fer_sdk._internal.output_paths import check_outputs
from fer_sdk.bundles.registry import find_model
from fer_sdk.cli.main import main


def fer(*words: object) -> Result:
    return run_command(main, *words)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def photos(tmp_path: Path, sample_photo: Path) -> Path:
    """A folder with photo.jpg and links to it, a model with its sidecar."""
    folder = tmp_path / "photos"
    folder.mkdir()
    assert cv2.imwrite(str(folder / "photo.jpg"), read_photo(sample_photo)[:260, 90:350])
    (folder / "link.csv").symlink_to(folder / "photo.jpg")
    os.link(folder / "photo.jpg", folder / "hard.csv")
    (tmp_path / "other").symlink_to(folder)
    for path in (find_model("nano-int8"), find_model("nano-int8").with_suffix(".tflite.json")):
        shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photo.jpg", "--csv", "photo.jpg"], "photo.jpg is an input, which this command reads"),
        (["photo.jpg", "--csv", "link.csv"], "is the same file as"),
        (["photo.jpg", "--jsonl", "hard.csv"], "is the same file as"),
        (["photo.jpg", "--csv", "../other/photo.jpg"], "is the same file as"),
        ([".", "--jsonl", "../other/photo.jpg"], "is the same file as"),
        (["photo.jpg", "--csv", "r", "--jsonl", "r"], "are the same file"),
        (["photo.jpg", "--csv", "r", "--jsonl", "../other/r"], "are the same file"),
        (["photo.jpg", "--csv", "r.csv", "--jsonl", "r.skipped.csv"], "are the same file"),
        (["photo.jpg", "--csv", "r", "--jsonl", "r/s"], "would lie below"),
        (["photo.jpg", "--csv", "."], "is a folder"),
        (["photo.jpg", "--model", "nano-int8.tflite", "--csv", "nano-int8.tflite"], "is an input"),
        (["photo.jpg", "--model", "nano-int8.tflite", "--csv", "nano-int8.tflite.json"],
         "is an input"),
    ],
)  # fmt: skip
def test_image_refuses_outputs_that_are_inputs_or_each_other(
    words: list[str], message: str, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    before = contents(photos)
    done = fer("image", *words, "--overwrite")
    assert done.exit_code == 1, done.output
    (line,) = done.stderr.splitlines()
    assert message in line
    assert contents(photos) == before


def test_an_annotated_picture_or_a_crop_never_replaces_a_photo(
    photos: Path, tmp_path: Path
) -> None:
    shutil.copy(photos / "photo.jpg", photos / "photo.fer.jpg")
    shutil.copy(photos / "photo.jpg", photos / "photo.face1.png")
    before = contents(photos)
    for words in (
        [photos / "photo.jpg", photos / "photo.fer.jpg", "--out", photos],
        [photos / "photo.jpg", photos / "photo.fer.jpg", "--out", tmp_path / "other"],
        [photos / "photo.jpg", photos / "photo.face1.png", "--save-crops", photos],
    ):
        done = fer("image", *words, "--overwrite")
        assert done.exit_code == 1, done.output
        assert len(done.stderr.splitlines()) == 1
    (result,) = process_photos([PhotoTask(photos / "photo.jpg", photos / "hard.csv")])
    assert result.error is not None
    assert "which this command reads" in result.error
    assert contents(photos) == before


def test_a_table_of_failures_is_not_replaced_unasked_and_not_left_untrue(
    photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "r.skipped.csv").write_text("mine")
    refused = fer("image", photos / "photo.jpg", "--csv", tmp_path / "r.csv")
    assert refused.exit_code == 1
    assert "r.skipped.csv already exists" in refused.stderr
    assert (tmp_path / "r.skipped.csv").read_text() == "mine"
    done = fer("image", photos / "photo.jpg", "--csv", tmp_path / "r.csv", "--overwrite")
    assert done.exit_code == 0
    assert not (tmp_path / "r.skipped.csv").exists()


def test_video_and_timeline_refuse_the_same(
    face_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(face_video, tmp_path / "in.avi")
    shutil.copy(find_model("nano-int8"), tmp_path / "m.tflite")
    (tmp_path / "link.avi").symlink_to(tmp_path / "in.avi")
    os.link(tmp_path / "in.avi", tmp_path / "hard.csv")
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    for words in (
        ["--out", "link.avi"],
        ["--csv", "hard.csv"],
        ["--csv", "a", "--jsonl", "./a"],
        ["--json", "m.tflite", "--model", "m.tflite"],
    ):
        done = fer("video", "in.avi", *words, "--overwrite")
        assert done.exit_code == 1
        (line,) = done.stderr.splitlines()
        assert "which this command reads" in line or "are the same file" in line
    (tmp_path / "r.json").write_text("{}")
    done = fer("timeline", "r.json", "--out", "r.json", "--overwrite")
    assert "r.json is an input" in done.stderr
    assert (tmp_path / "r.json").read_text() == "{}"
    (tmp_path / "r.json").unlink()
    assert contents(tmp_path) == before


def test_new_outputs_in_the_folder_of_the_inputs_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("")
    check_outputs([tmp_path / "a", None, tmp_path / "b" / "c"], [tmp_path / "in", tmp_path, None])
    check_outputs([tmp_path / "in"], [tmp_path / "missing"])
    with pytest.raises(InputError, match="already exists: add --overwrite"):
        check_outputs([tmp_path / "in"], overwrite=False)


def test_a_link_to_itself_and_a_null_byte_are_no_traceback(photos: Path, tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    done = fer("image", photos / "photo.jpg", "--save-crops", loop)
    assert done.exit_code == 1, done.output
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: cannot write ")
    check_outputs([loop], [loop])
    with pytest.raises(InputError, match="holds a null byte"):
        check_outputs(["a\0b"])


def test_photos_with_one_stem_get_pictures_and_crops_of_their_own(
    photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "many"
    (folder / "below").mkdir(parents=True)
    face = read_photo(photos / "photo.jpg")
    for number, name in enumerate(
        ("a.jpg", "a.jpeg", "a.png", "A.bmp", "a.jpg.png", "b.jpg", "below/a.jpg")
    ):
        assert cv2.imwrite(str(folder / name), np.roll(face, number, axis=1))
    out, crops = tmp_path / "out", tmp_path / "crops"
    done = fer("image", folder, "--out", out, "--save-crops", crops, "--json")
    assert done.exit_code == 0, done.output
    records = json.loads(done.stdout)["photos"]
    pictures = {Path(record["picture"]).relative_to(out).as_posix() for record in records}
    assert pictures == {
        "a.jpeg.fer.jpg", "a.jpg-2.fer.jpg", "a.png.fer.jpg", "A.bmp.fer.jpg", "a.jpg.fer.jpg",
        "b.fer.jpg", "below/a.fer.jpg",
    }  # fmt: skip
    assert len({record["faces"][0]["crop"] for record in records}) == 7
    assert len(list(crops.rglob("*.png"))) == 7


def test_a_folder_is_searched_by_content_and_the_rest_is_counted(
    photos: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mixed"
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    photo = (photos / "photo.jpg").read_bytes()
    for name in ("a.jfif", "b.jpe", "c.JPG", "d", "e.tmp", ".ipynb_checkpoints/a.jpg", "._a.jpg"):
        (folder / name).write_bytes(photo)
    (folder / "f.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    (folder / "g.tiff").write_bytes(b"II*\0" + bytes(40))
    (folder / "notes.txt").write_text("BM is the beginning of a bitmap and of this text")
    (folder / "film.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(40))
    (folder / "link").symlink_to(photos)
    os.mkfifo(folder / "pipe")
    done = fer("image", folder, "--json")
    assert done.exit_code == 0, done.output
    found = [Path(record["photo"]).name for record in json.loads(done.stdout)["photos"]]
    assert found == ["a.jfif", "b.jpe", "c.JPG", "d", "e.tmp"]
    passed_over, summary = done.stderr.splitlines()
    assert "1 HEIC (f.HEIC)" in passed_over
    assert "1 TIFF (g.tiff)" in passed_over
    assert "2 hidden (.ipynb_checkpoints, ._a.jpg)" in passed_over
    assert "1 links to folders (link)" in passed_over
    assert "3 other files (film.mp4, notes.txt, pipe)" in passed_over
    assert "convert HEIC by heif-convert PHOTO.heic PHOTO.jpg" in passed_over
    assert "5 photos processed: 5 faces" in summary
    named = fer("image", folder / "f.HEIC")
    assert named.exit_code == 1
    assert "but is HEIC: convert it, for example by heif-convert" in named.stderr


def test_a_second_run_passes_over_the_pictures_of_the_first(photos: Path) -> None:
    for number in (1, 2):
        done = fer("image", photos, "--out", photos, "--overwrite")
        assert done.exit_code == 0, done.output
        assert f"{2 * 1 + 1} photos processed: 3 faces" in done.stderr
        pictures = sorted(path.name for path in photos.glob("*.fer.jpg"))
        assert pictures == ["hard.fer.jpg", "link.fer.jpg", "photo.fer.jpg"]
        assert ("3 annotated pictures of fer image" in done.stderr) == (number == 2)


def test_failed_photos_are_in_the_printed_object(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    assert cv2.imwrite(str(tmp_path / "blank.png"), np.full((64, 64, 3), 90, np.uint8))
    names = [tmp_path / "broken.jpg", photos / "photo.jpg", tmp_path / "blank.png",
             tmp_path / "missing.jpg"]  # fmt: skip
    done = fer("image", *names, "--json")
    assert done.exit_code == 1
    broken, good, blank, missing = json.loads(done.stdout)["photos"]
    assert "truncated or damaged" in broken["error"]
    assert (good["error"], len(good["faces"])) == (None, 1)
    assert "no face found" in blank["error"]
    assert (
        "640 pixels; for smaller ones add --search thorough or a larger --max-side"
        in (blank["error"])
    )
    thorough = fer("image", tmp_path / "blank.png", "--search", "thorough")
    assert thorough.stderr.rstrip().endswith("upright and at least 20 pixels wide")
    assert "no photo at" in missing["error"]
    assert len(done.stderr.splitlines()) == 4 - 1
