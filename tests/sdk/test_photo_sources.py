"""A photo gives the same result from every source; limits and messages of bad input."""

import base64
import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from tests.command_line import run_command

from fer_sdk import (
    ExpressionRecognizer,
    InputError,
    QualityLimits,
    VideoFile,
    YuNet,
    draw_faces,
    process_photos,
    read_photo,
)
from fer_sdk.bundles.registry import find_model
from fer_sdk.cli.main import main
from fer_sdk.inputs.images import load_image
from fer_sdk.outputs.annotate import SURE_BGR, UNCERTAIN_BGR, UNSUITABLE_BGR
from fer_sdk.outputs.timeline_plot import FaceTimeline, draw_timeline, read_timelines
from fer_sdk.quality import UPSIDE_DOWN, face_quality
from fer_sdk.results import FaceQuality, Landmarks, RecognizedFace
from fer_sdk.runtimes import open_session


def with_orientation(photo: Path, orientation: int) -> bytes:
    """Return a JPEG that states the orientation in its EXIF data."""
    pixels = read_photo(photo)[:200:4, 90:350:4]
    data: bytes = cv2.imencode(".jpg", pixels)[1].tobytes()
    tiff = b"II*\0" + (8).to_bytes(4, "little") + (1).to_bytes(2, "little")
    tiff += (0x0112).to_bytes(2, "little") + (3).to_bytes(2, "little") + (1).to_bytes(4, "little")
    tiff += orientation.to_bytes(4, "little") + bytes(4)
    exif = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_source_of_a_photo_is_upright(
    orientation: int, sample_photo: Path, tmp_path: Path
) -> None:
    data = with_orientation(sample_photo, orientation)
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    expected = read_photo(path)
    assert (expected.shape[0] > expected.shape[1]) == (orientation >= 5)
    uri = "data:image/jpeg;base64," + base64.b64encode(data).decode()
    stored = np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8),
                                     cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION))  # fmt: skip
    sources: list[tuple[Any, dict[str, Any]]] = [
        (path, {}), (str(path), {}), (data, {}), (io.BytesIO(data), {}), (uri, {}),
        (stored.astype(np.uint8), {"color": "bgr", "orientation": orientation}),
    ]  # fmt: skip
    with path.open("rb") as file:
        for source, how in [*sources, (file, {})]:
            pixels, _ = load_image(source, **how)
            np.testing.assert_array_equal(pixels, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_pillow_image_is_read_as_its_file(
    orientation: int, sample_photo: Path, tmp_path: Path
) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    data = with_orientation(sample_photo, orientation)
    expected = read_photo(data)
    with pillow.open(io.BytesIO(data)) as image:
        pixels, color = load_image(image)
    assert color == "rgb"
    assert pixels.shape == expected.shape
    assert abs(pixels[..., ::-1].astype(int) - expected).max() <= 8  # two JPEG decoders
    with pillow.open(io.BytesIO(data)) as image, pytest.raises(InputError, match="arrays only"):
        load_image(image, orientation=3)


@pytest.mark.parametrize(
    "source",
    ["data:image/jpeg;base64,@@@", "data:image/jpeg,abc", "data:" + "x" * 100_000, "y" * 100_000],
)
def test_messages_hold_no_whole_photo(source: str) -> None:
    calls: list[Any] = [read_photo, VideoFile, find_model]
    for call in calls:
        with pytest.raises(InputError) as caught:
            call(source)
        assert len(str(caught.value)) < 600
    commands = [["image", source], ["video", source]]
    if len(source) > 1000:  # others are names that a file can have
        commands.append(["image", "a.jpg", "--csv", source])
    for command in commands:
        done = run_command(main, *command)
        assert done.exit_code == 1
        assert len(done.stderr) < 700
        assert len(done.stderr.splitlines()) == 1


def test_a_file_object_of_text_is_refused() -> None:
    text: Any = io.StringIO("text")
    with pytest.raises(InputError, match="opened in binary mode"):
        load_image(text)


def test_limits_are_checked_and_named() -> None:
    model = find_model("nano-int8")
    for name, call in (
        ("max_side", lambda: YuNet(max_side=0)),
        ("max_side", lambda: YuNet(max_side=100_000)),
        ("min_score", lambda: YuNet(min_score=70)),
        ("min_score", lambda: YuNet(min_score=float("nan"))),
        ("min_score", lambda: YuNet(min_score=-0.1)),
        ("threads", lambda: open_session(model, threads=100_000)),
        ("threads", lambda: open_session(model, threads=0)),
        ("processes", lambda: list(process_photos([], processes=0))),
        ("processes", lambda: list(process_photos([], processes=100_000))),
        ("min_size_px", lambda: QualityLimits(min_size_px=-1)),
        ("max_turn_degrees", lambda: QualityLimits(max_turn_degrees=float("nan"))),
        ("orientation", lambda: load_image(np.zeros((20, 20), np.uint8), "grey", orientation=9)),
    ):
        with pytest.raises(InputError, match=f"{name} must be "):
            call()
    for words in (["--threads", "100000"], ["--processes", "100000"]):
        assert run_command(main, "image", "a.jpg", *words).exit_code == 2


def test_a_csv_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    from fer_sdk import CsvSink, FrameResult, TrackedFace

    marks = Landmarks((1.0, 1.0), (3.0, 1.0), (2.0, 2.0), (1.0, 3.0), (3.0, 3.0))
    face = TrackedFace((0.0, 0.0, 4.0, 4.0), marks, 0.9, "a", 0.7, False, {"a": 0.7, "b": 0.3},
                       FaceQuality(1.0, 1.0, 0.0, 0.0, 0.0, ()), 1, "a",
                       {"a": 0.7, "b": 0.3})  # fmt: skip
    with CsvSink(tmp_path / "faces.csv", ("a", "b")) as sink:
        sink.write(FrameResult(0, 0.0, (face,), True))
    saved = tmp_path / "saved.csv"
    saved.write_bytes(b"\xef\xbb\xbf" + (tmp_path / "faces.csv").read_bytes() + b"\n")
    assert read_timelines(saved) == read_timelines(tmp_path / "faces.csv")
    headerless = tmp_path / "pixels.csv"
    headerless.write_text("0,1 2 3," + "x" * 100_000)
    with pytest.raises(InputError) as caught:
        read_timelines(headerless)
    assert len(str(caught.value)) < 500


def test_a_timeline_of_slow_frames_begins_at_its_first(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="timelines need the extra `plot`")
    labels = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    times_s = tuple(5.0 * n for n in range(6))
    scores = tuple((0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0) for _ in times_s)
    draw_timeline(tmp_path / "a.png", labels, [FaceTimeline(1, times_s, ("happy",) * 6, scores)])
    picture = read_photo(tmp_path / "a.png", convert=True)
    yellow = (abs(picture.astype(int) - (0x1E, 0xB0, 0xF2)).max(axis=2) < 8).mean()
    assert yellow > 0.4  # the panel is filled from begin to end
    draw_timeline(tmp_path / "b.png", labels, [FaceTimeline(1, (3.0,), ("happy",), scores[:1])])


def quality_face(left: int, *, uncertain: bool, reasons: tuple[str, ...]) -> RecognizedFace:
    marks = Landmarks(
        (left + 30.0, 140.0), (left + 70.0, 140.0), (left + 50.0, 155.0), (left + 40.0, 175.0),
        (left + 60.0, 175.0),
    )  # fmt: skip
    return RecognizedFace((float(left), 100.0, left + 100.0, 200.0), marks, 0.9, "surprise", 0.9,
                          uncertain, {}, FaceQuality(50, 0.5, 0, 0, 0, reasons))  # fmt: skip


def test_unsuitable_views_are_drawn_apart_and_labels_cover_no_face() -> None:
    faces = [
        quality_face(10, uncertain=False, reasons=()),
        quality_face(130, uncertain=True, reasons=()),
        quality_face(250, uncertain=False, reasons=("turned aside: 50 degrees, over 35",)),
        quality_face(370, uncertain=True, reasons=("blurred: sharpness 0.1, under 0.25",)),
    ]
    below = [
        RecognizedFace((x, y + 118, z, w + 118), f.landmarks, 0.9, f.label, 0.9, False, {},
                       f.quality)
        for f in faces for (x, y, z, w) in [f.box_xyxy]
    ]  # fmt: skip
    image = np.full((330, 490, 3), 255, np.uint8)
    drawn = draw_faces(image, faces)
    for face, color in zip(
        faces, (SURE_BGR, UNCERTAIN_BGR, UNSUITABLE_BGR, UNSUITABLE_BGR), strict=True
    ):
        left, top = round(face.box_xyxy[0]), round(face.box_xyxy[1])
        assert abs(drawn[top + 60, left].astype(int) - color).max() < 40
    drawn = draw_faces(image, [*faces, *below])
    for box in (f.box_xyxy for f in [*faces, *below]):
        begin_x, begin_y, end_x, end_y = map(round, box)
        inside = drawn[begin_y + 4 : end_y - 4, begin_x + 4 : end_x - 4]
        dark = (inside.max(axis=2) < 100).mean()  # letters of a label
        assert dark < 0.005


def test_a_face_upside_down_by_its_landmarks_has_a_reason() -> None:
    crop = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
    upright = Landmarks((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (35.0, 80.0), (65.0, 80.0))
    turned = Landmarks((70.0, 80.0), (30.0, 80.0), (50.0, 60.0), (65.0, 40.0), (35.0, 40.0))
    assert UPSIDE_DOWN not in face_quality(crop, upright).reasons
    assert UPSIDE_DOWN in face_quality(crop, turned).reasons


def test_a_photo_of_a_file_object_is_recognized(sample_photo: Path) -> None:
    with ExpressionRecognizer() as recognizer, sample_photo.open("rb") as file:
        assert recognizer.recognize(file).faces == recognizer.recognize(sample_photo).faces
