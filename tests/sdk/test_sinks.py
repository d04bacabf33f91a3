"""The sinks: complete files after every result, equal values in all formats."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.synthetic import moving_face

from fer_sdk import (
    CsvSink,
    FaceQuality,
    FrameResult,
    InputError,
    JsonLinesSink,
    JsonSink,
    Landmarks,
    OutputError,
    ParquetSink,
    PhotoProcessor,
    PhotoResult,
    PhotoTask,
    RecognizedFace,
    TrackedFace,
    VideoFile,
    VideoSink,
    draw_faces,
    find_photos,
    process_photos,
    write_picture,
)
from fer_sdk.outputs.rows import columns, rows

LABELS = ("happy", "not-a-face")
MARKS = Landmarks((30, 40), (60, 40), (45, 55), (32.123, 70), (58, 70))
QUALITY = FaceQuality(78.0, 0.5, -1.0, 2.0, 3.0, ("small", "blurred"))
SCORES = {"happy": 0.75, "not-a-face": 0.25}
BOX = (10.0, 20.0, 90.0, 110.0)


def tracked(number: int = 1) -> TrackedFace:
    return TrackedFace(
        BOX, MARKS, 0.9, "happy", 0.75, False, SCORES, QUALITY, number, "happy", SCORES
    )


def frame(index: int, *faces: TrackedFace) -> FrameResult:
    return FrameResult(index, index / 24, faces, searched=True)


def photo(name: str, **values: Any) -> PhotoResult:
    face = RecognizedFace(BOX, MARKS, 0.9, "happy", 0.75, False, SCORES, QUALITY)
    return PhotoResult(() if values.get("error") else (face, face), photo=name, **values)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_has_the_flattened_names_and_values() -> None:
    (row,) = rows(frame(3, tracked()).to_dict())
    assert list(row) == list(columns("frames", LABELS))
    assert row["time_s"] == 0.125
    assert (row["box_xyxy_left"], row["box_xyxy_bottom"]) == (10, 110)
    assert row["landmarks_mouth_right_x"] == 32.12
    assert (row["scores_happy"], row["raw_scores_not-a-face"]) == (0.75, 0.25)
    assert row["quality_reasons"] == "small; blurred"


def test_photo_rows_are_numbered_and_name_their_crops() -> None:
    result = photo("a.jpg", crops=(Path("1.png"), Path("2.png")))
    found = rows(result.to_dict())
    assert [list(row) for row in found] == [list(columns("photos", LABELS))] * 2
    assert [(row["photo"], row["face"], row["crop"]) for row in found] == [
        ("a.jpg", 1, "1.png"), ("a.jpg", 2, "2.png"),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["frames", "photos"])
def test_all_formats_hold_the_same_values(kind: Any, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="Parquet needs the extra `parquet`")
    results: list[Any] = (
        [frame(0), frame(1, tracked(), tracked(2)), frame(2, tracked())]
        if kind == "frames"
        else [photo("a.jpg"), photo("b.jpg", error="damaged"), photo("c.jpg")]
    )
    with (
        CsvSink(tmp_path / "a.csv", LABELS, kind=kind) as table,
        JsonSink(tmp_path / "a.json", LABELS, kind=kind, about={"model": "m"}) as nested,
        JsonLinesSink(str(tmp_path / "a.jsonl")) as lines,
        ParquetSink(tmp_path / "a.parquet", LABELS, kind=kind) as binary,
    ):
        for result in results:
            for sink in (table, nested, lines, binary):
                sink.write(result)
    text = json.loads((tmp_path / "a.json").read_text())
    assert (text["schema"], text["model"], text["labels"]) == (3, "m", list(LABELS))
    assert text[kind] == [result.to_dict() for result in results]
    told = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert told == text[kind]
    expected = [row for record in told for row in rows(record)]
    assert parquet.read_table(tmp_path / "a.parquet").to_pylist() == expected
    as_text = [{k: "" if v is None else str(v) for k, v in row.items()} for row in expected]
    assert read_csv(tmp_path / "a.csv") == as_text


def sinks(folder: Path) -> list[Any]:
    return [
        CsvSink(folder / "a.csv", LABELS),
        JsonSink(folder / "a.json", LABELS),
        JsonLinesSink(folder / "a.jsonl"),
    ]


def test_text_files_are_complete_after_every_result(tmp_path: Path) -> None:
    for sink, count in zip(sinks(tmp_path), (read_csv, json_frames, json_lines), strict=True):
        for number in range(1, 4):
            sink.write(frame(number, tracked()))
            (temporary,) = tmp_path.glob(f".a-*{sink.path.suffix}")
            assert len(count(temporary)) == number
        sink.close()
        sink.close()
        assert len(count(sink.path)) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json", "a.jsonl"]


def json_frames(path: Path) -> list[Any]:
    return list(json.loads(path.read_text())["frames"])


def json_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_exception_in_the_block_discards_the_file(tmp_path: Path) -> None:
    for sink in (*sinks(tmp_path), VideoSink(tmp_path / "a.avi", 24)):
        with pytest.raises(KeyError), sink:
            raise KeyError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda path: CsvSink(path, LABELS),
        lambda path: JsonLinesSink(path),
        lambda path: VideoSink(path.with_suffix(".avi"), 24),
        lambda path: write_picture(path.with_suffix(".png"), np.zeros((8, 8, 3), np.uint8)),
    ],
)
def test_a_folder_that_cannot_be_created_is_an_output_error(
    make: Callable[[Path], Any], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write .*below"):
        make(tmp_path / "file" / "below")


def test_a_video_sink_draws_the_faces_of_every_frame(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "a.avi", 24) as sink:
        for number in range(4):
            sink.write(moving_face(number), frame(number, tracked()))
    with VideoFile(str(tmp_path / "a.avi")) as video:
        images = [image for _, image in video]
    assert len(images) == 4
    drawn = draw_faces(moving_face(2), [tracked()])
    assert abs(images[2].astype(int) - drawn).mean() < 4
    assert (drawn != moving_face(2)).any()


def test_pictures_and_videos_of_unknown_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in one of \.mp4"):
        VideoSink(tmp_path / "a.gif", 24)
    with pytest.raises(InputError, match="cannot encode"):
        write_picture(tmp_path / "a.xyz", np.zeros((8, 8, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_processed_in_order_of_names(sample_photo: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "photos", tmp_path / "photos" / "out"
    image = np.asarray(cv2.imread(str(sample_photo)), np.uint8)
    write_picture(folder / "b" / "face.png", image)
    write_picture(folder / "a.png", np.full((64, 64, 3), 90, np.uint8))
    write_picture(out / "old.png", image)
    (folder / "c.jpg").write_bytes(b"no photo")
    (folder / ".hidden.png").write_bytes(b"")
    found = find_photos(str(folder), skip=[out])
    assert [path.relative_to(folder).as_posix() for path in found] == [
        "a.png",
        "c.jpg",
        "b/face.png",
    ]
    blank, broken, face = process_photos(
        [str(found[0]), found[1], PhotoTask(found[2], out / "face.jpg", str(out / "face"))]
    )
    assert (len(blank), blank.error) == (0, None)
    assert broken.error is not None
    assert "must be a JPEG" in broken.error
    assert face[0].label == "happy"
    assert face.picture == out / "face.jpg"
    assert face.crops == (out / "face.face1.png",)
    assert all(path.is_file() for path in (face.picture, *face.crops))
    with PhotoProcessor() as processor:
        assert processor.process_bytes("x", sample_photo.read_bytes()).faces == face.faces
    with pytest.raises(InputError, match="no folder at"):
        find_photos(tmp_path / "missing")
