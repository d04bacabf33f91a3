"""`fer image` over folders: processes, tables, resuming, crops."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import Result
from tests.command_line import run_command

from fer_sdk import ExpressionClassifier, PhotoTask, find_photos, process_photos, read_photo
from fer_sdk.cli.main import main

PHOTOS = 24


def fer(*words: object) -> Result:
    return run_command(main, *words)


@pytest.fixture
def archive(tmp_path: Path, sample_photo: Path) -> Path:
    """24 small photos of one face in two folders, a broken one, a blank one and a text."""
    folder = tmp_path / "archive"
    (folder / "below").mkdir(parents=True)
    face = read_photo(sample_photo)[:260, 90:350]
    for number in range(PHOTOS):
        moved = np.roll(face, 2 * number, axis=1)
        place = folder / "below" if number % 2 else folder
        assert cv2.imwrite(str(place / f"{number:02}.png"), moved)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    assert cv2.imwrite(str(folder / "blank.png"), np.full((64, 64, 3), 90, np.uint8))
    (folder / "notes.txt").write_text("left alone")
    return folder


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_gives_a_row_a_face_and_lists_what_it_skipped(
    archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / "faces.csv"
    done = fer("image", archive, "--csv", out, "--jsonl", tmp_path / "faces.jsonl")
    assert done.exit_code == 1  # the broken photo
    (error, passed_over, summary) = done.stderr.splitlines()
    assert passed_over == f"passed over in {archive}: 1 other files (notes.txt)"
    assert error.startswith("error: ")
    assert "broken.jpg" in error
    assert "24 faces, 1 photos without a face, 1 photos failed" in summary
    rows = table(out)
    assert len(rows) == PHOTOS
    assert {row["label"] for row in rows} == {"happy"}
    assert sum(
        float(rows[0][name]) for name in rows[0] if name.startswith("scores_")
    ) == pytest.approx(1, abs=1e-5)
    (skipped,) = table(tmp_path / "faces.skipped.csv")
    assert skipped["photo"].endswith("broken.jpg")
    lines = [json.loads(line) for line in (tmp_path / "faces.jsonl").read_text().splitlines()]
    assert [line["photo"] for line in lines if line["faces"]] == [row["photo"] for row in rows]
    assert [line["photo"] for line in lines if line["error"]] == [skipped["photo"]]
    assert len(lines) == PHOTOS + 2
    (face,) = lines[0]["faces"]
    assert set(face["landmarks"]) >= {"right_eye", "nose"}
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"archive", "faces.csv", "faces.jsonl", "faces.skipped.csv"}


def test_parquet_and_printed_json_hold_the_values_of_csv(archive: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs the extra `parquet`")
    out = tmp_path / "faces.csv"
    fer("image", archive, "--csv", out, "--parquet", tmp_path / "faces.parquet")
    rows = parquet.read_table(tmp_path / "faces.parquet").to_pylist()
    as_text = [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows]
    assert as_text == table(out)
    assert len(rows) == PHOTOS
    printed = json.loads(fer("image", archive, "--json").stdout)
    assert printed["schema"] == 3
    faces = [face for photo in printed["photos"] for face in photo["faces"]]
    assert [face["scores"] for face in faces] == [
        {label: row[f"scores_{label}"] for label in printed["labels"]} for row in rows
    ]


def test_two_processes_write_the_rows_of_one(archive: Path, tmp_path: Path) -> None:
    for processes in (1, 2):
        fer("image", archive, "--csv", tmp_path / f"{processes}.csv", "--processes", processes)
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_a_killed_run_is_resumed_and_leaves_no_process(archive: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole.csv", tmp_path / "killed.csv"
    fer("image", archive, "--csv", whole)
    log = tmp_path / "killed.csv.part"
    command = [
        sys.executable,
        "-m",
        "tests.fer",
        "image",
        archive,
        "--csv",
        out,
        "--processes",
        "2",
    ]
    run = subprocess.Popen([str(word) for word in command], cwd=Path(__file__).parents[2],
                           stderr=subprocess.DEVNULL)  # fmt: skip
    wait_for(lambda: log.exists() and len(log.read_bytes().splitlines()) > 4)
    children = children_of(run.pid)
    run.kill()
    run.wait()
    assert not out.exists()
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    with log.open("a") as file:
        file.write('{"photo": "half a li')
    done = fer("image", archive, "--csv", out)
    assert "resuming: " in done.stderr
    assert out.read_bytes() == whole.read_bytes()
    assert not log.exists()


def wait_for(condition: Any) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def children_of(pid: int) -> list[int]:
    """Return the processes below one, as Linux tells; elsewhere none are looked for."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()] if listed.exists() else []


def test_a_run_with_another_model_is_not_resumed(
    archive: Path, tmp_path: Path, tiny_int8: Path
) -> None:
    out = tmp_path / "faces.csv"
    part = tmp_path / "faces.csv.part"
    part.write_text('{"model_sha256": "of another"}\n')
    done = fer("image", archive, "--csv", out)
    assert done.exit_code == 1
    assert "with another model or other options" in done.stderr
    assert fer("image", archive, "--csv", part.with_name("new.csv"), "--model", "no").exit_code == 1
    assert {path.name for path in tmp_path.iterdir()} == {"archive", part.name}


def test_a_photo_that_kills_its_process_fails_alone(archive: Path) -> None:
    tasks = [PhotoTask(path) for path in sorted(archive.glob("0*.png"))]
    results = process_photos(tasks, processes=2)
    first = next(results)
    for child in active_children():
        os.kill(child.pid or 0, signal.SIGKILL)
    everything = [first, *results]
    assert [result.photo for result in everything] == [str(task.photo) for task in tasks]
    assert all(len(result) == 1 for result in everything)


def test_saved_crops_are_the_input_of_the_model(archive: Path, tmp_path: Path) -> None:
    crops = tmp_path / "crops"
    done = fer("image", archive, "--json", "--save-crops", crops)
    photos = [photo for photo in json.loads(done.stdout)["photos"] if photo["faces"]]
    assert len(list(crops.rglob("*.face1.png"))) == PHOTOS
    assert len(find_photos(archive)) == PHOTOS + 2
    with ExpressionClassifier.load() as classifier:
        for photo in photos[:3]:
            (face,) = photo["faces"]
            crop = cv2.imread(face["crop"], cv2.IMREAD_UNCHANGED)
            assert crop is not None
            assert crop.shape == (48, 48)
            (expression,) = classifier.classify([np.asarray(crop, np.uint8)], color="grey")
            assert round(expression.confidence, 6) == face["confidence"]
    again = fer("image", archive, "--json", "--save-crops", crops)
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr


def test_results_are_not_replaced_without_overwrite_and_empty_folders_are_named(
    archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / "faces.csv"
    out.write_text("mine")
    assert "--overwrite" in fer("image", archive, "--csv", out).stderr
    assert out.read_text() == "mine"
    (tmp_path / "empty").mkdir()
    assert "no photo in" in fer("image", tmp_path / "empty").stderr
