"""Every entry of a stranger's folder is accounted for, and none is changed."""

import json
import os
import re
from pathlib import Path

import pytest
from click.testing import Result
from tests.command_line import run_command
from tests.strangers_folder import HUGE_BYTES, KINDS, make_folder

from fer_sdk.cli.main import main

# FER_STRANGER=500 makes a larger folder.
COUNT = int(os.environ.get("FER_STRANGER", len(KINDS)))
PHOTO = ("faces", "no face", "error")


def state_of(folder: Path) -> dict[str, object]:
    """Return type, content and times of every entry; of a huge file only its size."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        content: object = None
        if path.is_symlink():
            content = path.readlink()
        elif path.is_file() and info.st_size < HUGE_BYTES:
            content = path.read_bytes()
        found[str(path)] = info.st_mode, info.st_size, info.st_mtime_ns, info.st_ino, content
    return found


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Path, str]]:
    folder = tmp_path_factory.mktemp("stranger") / "disk"
    return folder, make_folder(folder, COUNT)


def only_lines_of_the_command(done: Result) -> None:
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert "Traceback" not in done.stderr


def test_photos_are_read_and_everything_else_is_counted(
    strangers: tuple[Path, dict[Path, str]], tiny_int8: Path, tmp_path: Path
) -> None:
    folder, made = strangers
    before = state_of(folder)
    results = tmp_path / "results"
    done = run_command(
        main, "image", folder, "--model", tiny_int8, "--out", results / "pictures",
        "--jsonl", results / "photos.jsonl", "--csv", results / "faces.csv", "--processes", "1",
    )  # fmt: skip
    only_lines_of_the_command(done)
    assert done.exit_code == 1  # some photos cannot be read
    assert state_of(folder) == before

    records = [json.loads(line) for line in (results / "photos.jsonl").read_text().splitlines()]
    outcome = {
        record["photo"]: "error" if record["error"] else "faces" if record["faces"] else "no face"
        for record in records
    }
    assert len(outcome) == len(records)
    photos = {str(path): expected for path, expected in made.items() if expected in PHOTO}
    assert outcome == photos
    for record in records:
        if record["error"]:
            assert f"error: {_shown(record['error'])}" in done.stderr

    (line,) = (line for line in done.stderr.splitlines() if line.startswith("passed over in"))
    counts = {name: int(number) for number, name in re.findall(r"(\d+) ([A-Za-z ]+) \(", line)}
    expected: dict[str, int] = {}
    for path, reason in made.items():
        if reason not in PHOTO and not any(p.is_symlink() for p in path.parents):
            expected[reason] = expected.get(reason, 0) + 1
    assert counts == expected
    values = list(photos.values())
    assert (
        f"{len(photos)} photos processed: {values.count('faces')} faces, "
        f"{values.count('no face')} photos without a face, {values.count('error')} photos failed"
    ) in done.stderr
    pictures = [path for path in (results / "pictures").rglob("*") if path.is_file()]
    assert len(pictures) == values.count("faces")


def _shown(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def test_each_file_as_a_video_gives_frames_or_one_line(
    strangers: tuple[Path, dict[Path, str]], tiny_int8: Path, tmp_path: Path
) -> None:
    folder, made = strangers
    before = state_of(folder)
    # A photo is a video of one frame: a small folder needs one of them.
    readable = [path for path, expected in made.items() if expected in ("faces", "no face")]
    skipped = set(readable[1:] if len(KINDS) == COUNT else ())
    for number, path in enumerate(made):
        if path in skipped:
            continue
        table = tmp_path / f"{number}.csv"
        done = run_command(main, "video", "--model", tiny_int8, "--csv", table, "--", path)
        only_lines_of_the_command(done)
        if path.name.startswith("clip bytes"):
            assert "whose name is not valid UTF-8: rename it" in done.stderr
        elif path.name.startswith("clip"):
            assert done.exit_code == 0, done.stderr
            assert len(table.read_text().splitlines()) == 7
        elif done.exit_code:
            assert done.exit_code == 1, done.stderr
            (line,) = (line for line in done.stderr.splitlines() if line.startswith("error: "))
            assert len(line) < 1000
            assert not table.exists()
        else:
            assert made[path] in PHOTO or path.suffix == ".jpg", path  # a photo is one frame
    assert state_of(folder) == before
