import dataclasses
import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic import band_face, moving_face

from fer_sdk import (
    Face,
    FrameResult,
    Landmarks,
    SmoothingSettings,
    TrackingSettings,
    VideoFile,
    VideoRecognizer,
    YuNet,
)
from fer_sdk.errors import InputError
from fer_sdk.preprocess import FER2013_CROP
from fer_sdk.video.tracker import iou

BLANK = np.full((360, 480, 3), 90, np.uint8)


class Script:
    """A detector that returns scripted faces: all in a whole frame, those inside in a window.

    Faces are 48 px wide and high, so that the crop has the image's pixels.
    """

    def __init__(self, image_hw: tuple[int, int] = (240, 320)) -> None:
        self.image_hw = image_hw
        self.corners: list[tuple[int, int]] = []
        self.whole = self.windows = 0
        self.blind_in_windows = False
        self.closed = 0

    def detect(self, image_bgr: NDArray[np.uint8]) -> tuple[Face, ...]:
        if image_bgr.shape[:2] == self.image_hw:
            self.whole += 1
            return tuple(_face_at(x, y) for x, y in self.corners)
        self.windows += 1
        # Channel 0 of the image is the column and channel 1 the row: a window shows its position.
        left, top = int(image_bgr[0, 0, 0]), int(image_bgr[0, 0, 1])
        height, width = image_bgr.shape[:2]
        return tuple(
            _face_at(x - left, y - top)
            for x, y in self.corners
            if not self.blind_in_windows
            and left <= x <= left + width - 48
            and top <= y <= top + height - 48
        )

    def close(self) -> None:
        self.closed += 1


def _face_at(x: float, y: float) -> Face:
    right_eye, left_eye, mouth = (
        (place[0] + x, place[1] + y)
        for place in (FER2013_CROP.right_eye, FER2013_CROP.left_eye, FER2013_CROP.mouth)
    )
    landmarks = Landmarks(right_eye, left_eye, mouth, mouth, mouth)
    return Face((x, y, x + 48, y + 48), landmarks, 0.9)


def position_image() -> NDArray[np.uint8]:
    """Return an image of 240x320 whose channels 0 and 1 hold each pixel's column and row."""
    image = np.zeros((240, 320, 3), np.uint8)
    image[..., 0] = np.minimum(np.arange(320), 255)
    image[..., 1] = np.arange(240)[:, None]
    return image


def play(
    recognizer: VideoRecognizer, script: Script, corners: list[list[tuple[int, int]]]
) -> Iterator[FrameResult]:
    image = position_image()
    for number, places in enumerate(corners):
        script.corners = places
        yield recognizer.recognize(image, time_s=number / 24, color="bgr")


def ids(result: FrameResult) -> list[int]:
    return [face.id for face in result.faces]


def test_one_face_keeps_its_id_and_label_through_a_video(face_video: Path) -> None:
    with VideoFile(face_video) as video, VideoRecognizer() as recognizer:
        results = list(recognizer.stream(video, color="bgr"))
    assert [result.frame_index for result in results] == list(range(60))
    assert [ids(result) for result in results] == [[1]] * 60
    assert {result.faces[0].label for result in results} == {"happy"}
    assert sum(result.searched for result in results) <= 10


def test_windows_find_the_face_where_the_whole_frame_shows_it() -> None:
    detector = YuNet()
    with VideoRecognizer(tracking=TrackingSettings(detect_every=100)) as recognizer:
        for number in range(24):
            frame = moving_face(number)
            (face,) = recognizer.recognize(frame, time_s=number / 24, color="bgr").faces
            (whole,) = detector.detect(frame)
            assert iou(face.box_xyxy, whole.box_xyxy) > 0.7
            points = np.array(dataclasses.astuple(face.landmarks))
            apart = np.abs(points - np.array(dataclasses.astuple(whole.landmarks))).mean()
            assert apart < 0.06 * (whole.box_xyxy[2] - whole.box_xyxy[0])


def test_two_faces_keep_their_ids() -> None:
    with VideoRecognizer() as recognizer:
        for number in range(20):
            frame = np.hstack([moving_face(number), moving_face(number)[:, ::-1]])
            one, two = recognizer.recognize(frame, time_s=number / 24, color="bgr").faces
            assert (one.id, two.id) == (1, 2)
            if number == 0:
                first_is_left = one.box_xyxy[0] < two.box_xyxy[0]
            assert (one.box_xyxy[0] < two.box_xyxy[0]) == first_is_left


def test_a_face_passing_before_another_gives_no_more_ids_than_searching_every_frame() -> None:
    face = moving_face(0)[20:320, 110:370]
    frames = []
    for number in range(40):
        frame = np.full((360, 700, 3), 90, np.uint8)
        frame[30:330, 40:300] = face
        left = 440 - 11 * number
        shown = face[:, ::-1][:, max(0, -left) :]
        frame[40:340, max(left, 0) : max(left, 0) + shown.shape[1]] = shown
        frames.append((number / 24, frame))
    seen = {}
    for every in (1, 12):
        with VideoRecognizer(tracking=TrackingSettings(detect_every=every)) as recognizer:
            results = recognizer.stream(frames, color="bgr")
            seen[every] = {face.id for result in results for face in result.faces}
    assert seen[12] == seen[1]


@pytest.mark.parametrize(("blank_frames", "id_after"), [(12, 1), (36, 2)])
def test_an_id_survives_a_short_miss_only(blank_frames: int, id_after: int) -> None:
    frames = [moving_face(0)] * 5 + [BLANK] * blank_frames + [moving_face(3)] * 3
    with VideoRecognizer() as recognizer:
        timed = ((number / 24, frame) for number, frame in enumerate(frames))
        results = list(recognizer.stream(timed, color="bgr"))
    assert [ids(result) for result in results] == (
        [[1]] * 5 + [[]] * blank_frames + [[id_after]] * 3
    )


def test_the_whole_frame_is_searched_at_first_and_every_nth(tiny_int8: Path) -> None:
    script = Script()
    with VideoRecognizer(
        tiny_int8, detector=script, tracking=TrackingSettings(detect_every=4)
    ) as recognizer:
        results = list(play(recognizer, script, [[(40 + n, 50)] for n in range(10)]))
    assert [n for n, result in enumerate(results) if result.searched] == [0, 4, 8]
    assert (script.whole, script.windows) == (3, 9)


def test_a_lost_face_is_searched_for_at_once(tiny_int8: Path) -> None:
    script = Script()
    corners = [[(40, 50)]] * 3 + [[(180, 150)]] * 3
    with VideoRecognizer(tiny_int8, detector=script) as recognizer:
        results = list(play(recognizer, script, corners))
    assert results[3].searched
    assert ids(results[3]) == [2]
    assert results[3].faces[0].box_xyxy == (180, 150, 228, 198)


def test_a_new_face_is_found_by_the_next_search_of_the_whole_frame(tiny_int8: Path) -> None:
    script = Script()
    corners = [[(40, 50)]] * 2 + [[(40, 50), (180, 150)]] * 4
    with VideoRecognizer(
        tiny_int8, detector=script, tracking=TrackingSettings(detect_every=4)
    ) as recognizer:
        results = list(play(recognizer, script, corners))
    assert [ids(result) for result in results] == [[1]] * 4 + [[1, 2]] * 2


def test_searching_every_frame_opens_no_window(tiny_int8: Path) -> None:
    script = Script()
    with VideoRecognizer(
        tiny_int8, detector=script, tracking=TrackingSettings(detect_every=1)
    ) as recognizer:
        results = list(play(recognizer, script, [[(40, 50)]] * 5))
    assert all(result.searched for result in results)
    assert (script.whole, script.windows) == (5, 0)


def test_a_crowd_is_searched_for_in_whole_frames(tiny_int8: Path) -> None:
    script = Script()
    crowd = [(60 * column, 80 * row) for column in range(4) for row in range(3)]
    with VideoRecognizer(tiny_int8, detector=script) as recognizer:
        results = list(play(recognizer, script, [crowd] * 4))
    assert [ids(result) for result in results] == [list(range(1, 13))] * 4
    assert (script.whole, script.windows) == (4, 0)


def test_an_empty_scene_has_no_track(tiny_int8: Path) -> None:
    script = Script()
    with VideoRecognizer(tiny_int8, detector=script) as recognizer:
        results = list(play(recognizer, script, [[]] * 3))
    assert [result.faces for result in results] == [()] * 3
    assert script.whole == 3


def test_smoothed_labels_lag_and_raw_ones_do_not(tiny_int8: Path) -> None:
    script = Script()
    script.corners = [(0, 0)]
    happy, surprise = np.zeros((240, 320), np.uint8), np.zeros((240, 320), np.uint8)
    happy[:48, :48], surprise[:48, :48] = band_face(3), band_face(5)
    with VideoRecognizer(
        tiny_int8,
        detector=script,
        tracking=TrackingSettings(detect_every=1),
        smoothing=SmoothingSettings(time_constant_s=1.0),
    ) as recognizer:
        frames = [(0.0, happy)] + [(n / 10, surprise) for n in range(1, 16)]
        faces = [result.faces[0] for result in recognizer.stream(frames, color="grey")]
    assert [face.raw_label for face in faces] == ["happy"] + ["surprise"] * 15
    # 1 - exp(-t) exceeds exp(-t) by the margin 0.05 from t = 0.744 on.
    assert [face.label for face in faces] == ["happy"] * 8 + ["surprise"] * 8
    assert faces[7].confidence == pytest.approx(np.exp(-0.7), abs=0.01)
    assert faces[7].uncertain
    assert not faces[15].uncertain
    assert sum(faces[7].scores.values()) == pytest.approx(1)


def test_rgb_and_bgr_frames_give_equal_results() -> None:
    frame = moving_face(0)
    with VideoRecognizer() as recognizer:
        bgr = recognizer.recognize(frame, time_s=0, color="bgr")
        recognizer.reset()
        assert recognizer.recognize(frame[..., ::-1], time_s=0, color="rgb") == bgr


def test_a_result_is_yielded_before_the_next_frame_is_read(tiny_int8: Path) -> None:
    asked = 0

    def frames() -> Iterator[tuple[float, NDArray[np.uint8]]]:
        nonlocal asked
        for asked in itertools.count(1):
            yield float(asked), position_image()

    with VideoRecognizer(tiny_int8, detector=Script()) as recognizer:
        results = recognizer.stream(frames(), color="bgr")
        next(results)
        assert asked == 1


def test_a_frame_has_the_time_of_each_stage(tiny_int8: Path) -> None:
    script = Script()
    script.corners = [(40, 50)]
    with VideoRecognizer(tiny_int8, detector=script) as recognizer:
        begin = time.perf_counter()
        result = recognizer.recognize(position_image(), time_s=0, color="bgr")
        passed_ms = 1e3 * (time.perf_counter() - begin)
    assert list(result.speed_ms) == ["detect", "track", "crop", "classify", "quality", "smooth"]
    assert all(stage_ms > 0 for stage_ms in result.speed_ms.values())
    assert sum(result.speed_ms.values()) <= passed_ms


def test_a_frame_as_json_holds_its_attributes(tiny_int8: Path) -> None:
    script = Script()
    script.corners = [(40, 50)]
    with VideoRecognizer(tiny_int8, detector=script) as recognizer:
        result = recognizer.recognize(position_image(), time_s=0.5, color="bgr")
    values = json.loads(result.to_json())
    assert values == result.to_dict()
    assert (values["frame_index"], values["time_s"], values["searched"]) == (0, 0.5, True)
    (face,) = values["faces"]
    assert (face["id"], face["box_xyxy"], face["raw_label"]) == (1, [40, 50, 88, 98], face["label"])
    assert face["raw_scores"] == face["scores"]


def test_each_stream_begins_with_id_1(tiny_int8: Path) -> None:
    script = Script()
    script.corners = [(40, 50)]
    with VideoRecognizer(tiny_int8, detector=script) as recognizer:
        for _ in range(2):
            (result,) = recognizer.stream([(5.0, position_image())], color="bgr")
            assert (result.frame_index, ids(result)) == (0, [1])


@pytest.mark.parametrize("time_s", [0.9, float("nan"), float("inf")])
def test_times_must_not_decrease(time_s: float, tiny_int8: Path) -> None:
    with VideoRecognizer(tiny_int8, detector=Script()) as recognizer:
        recognizer.recognize(BLANK, time_s=1, color="bgr")
        with pytest.raises(InputError, match="finite and at least 1, but is"):
            recognizer.recognize(BLANK, time_s=time_s, color="bgr")


def test_a_frame_needs_its_channel_order_and_shape(tiny_int8: Path) -> None:
    with VideoRecognizer(tiny_int8, detector=Script()) as recognizer:
        with pytest.raises(TypeError):
            recognizer.recognize(BLANK, time_s=0)  # type: ignore[call-arg]
        with pytest.raises(InputError, match="color must be"):
            recognizer.recognize(BLANK, time_s=0, color="auto")  # type: ignore[arg-type]
        with pytest.raises(InputError, match="uint8 array"):
            recognizer.recognize(BLANK[..., 0], time_s=0, color="bgr")


def test_results_are_frozen_and_close_may_be_called_twice(tiny_int8: Path) -> None:
    recognizer = VideoRecognizer(tiny_int8, detector=Script())
    result = recognizer.recognize(BLANK, time_s=0, color="bgr")
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.time_s = 1.0  # type: ignore[misc]
    recognizer.close()
    recognizer.close()
