import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from fer_sdk.detectors.yunet import YuNet
from fer_sdk.inputs.images import read_photo
from fer_sdk.results import Box, Face, Landmarks
from research.detector_candidates import OPENCV, OpenCvYuNet, candidates
from research.detectors import landmark_distances, main, overlap, score
from research.detectors_page import DETECTORS_JSON, page, write_page
from research.face_scenes import (
    BINS,
    FACES_PER_SCENE,
    Cutout,
    Scene,
    box_in_crop,
    cut_out,
    scenes,
    textures,
)
from research.whole_call import installed_bytes

ROOT = Path(__file__).parents[2]
ONNX = ROOT / "convert/detectors/face_detection_yunet_2023mar.onnx"


def face(left: float, top: float, right: float, bottom: float) -> Face:
    """Return a face with all landmarks in the middle of its box."""
    middle = (left + right) / 2, (top + bottom) / 2
    return Face((left, top, right, bottom), Landmarks(*[middle] * 5), 0.9)


@pytest.fixture
def cutout(sample_photo: Path) -> Cutout:
    photo = read_photo(sample_photo)
    (found,) = YuNet().detect(photo)
    return cut_out(photo, found)


@pytest.mark.parametrize("number", range(len(BINS) - 1))
def test_pasted_faces_have_heights_of_the_bin_and_do_not_overlap(
    cutout: Cutout, number: int
) -> None:
    photos = [np.full((300, 500, 3), 90, np.uint8)]
    count = FACES_PER_SCENE[number] + 1
    made = list(scenes([cutout] * count, photos, number, 0))
    assert [len(scene.boxes) for scene in made] == [count - 1, 1]
    for scene in made:
        assert scene.image.shape == (480, 640, 3)
        assert (scene.image != 90).any()
        for box in scene.boxes:
            assert BINS[number] - 1e-6 <= box[3] - box[1] <= BINS[number + 1] + 1e-6
        pairs = [(a, b) for i, a in enumerate(scene.boxes) for b in scene.boxes[:i]]
        assert all(overlap(a, b) == 0 for a, b in pairs)


def test_detectors_find_the_pasted_faces_where_they_were_pasted(cutout: Cutout) -> None:
    photos = [np.full((300, 500, 3), 90, np.uint8)]
    (scene,) = scenes([cutout] * 6, photos, BINS.index(64), 0)
    for detector in (YuNet(), OpenCvYuNet(ONNX)):
        found = detector.detect(scene.image)
        assert score(found, scene) == (6, 0)
        for one in found:
            assert max(overlap(one.box_xyxy, box) for box in scene.boxes) > 0.7


def test_each_pasted_face_counts_once_and_other_boxes_are_false() -> None:
    box: Box = (10.0, 10.0, 30.0, 40.0)
    scene = Scene(np.zeros((50, 100, 3), np.uint8), (box, (60.0, 10.0, 80.0, 40.0)))
    found = [face(*box), face(11, 10, 31, 40), face(0, 45, 5, 50)]
    assert score(found, scene) == (1, 2)
    assert score([], scene) == (0, 0)


def test_distances_are_shares_of_the_longer_side_of_matching_boxes() -> None:
    reference = [face(0, 0, 20, 40), face(100, 0, 120, 40)]
    assert landmark_distances([face(2, 0, 22, 40)], reference) == pytest.approx([2 / 40] * 5)
    assert landmark_distances([face(15, 0, 35, 40)], reference) == []


def test_the_place_of_a_face_in_the_crop_includes_eyes_and_mouth(sample_photo: Path) -> None:
    (found,) = YuNet().detect(read_photo(sample_photo))
    left, top, right, bottom = box_in_crop(found)
    assert left < 14 < 33 < right
    assert top < 18 < 36 < bottom


def test_textures_differ_and_are_the_same_in_each_run() -> None:
    first, second = list(textures(8)), list(textures(8))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert len({image.tobytes() for image in first}) == 8


def test_candidates_are_the_former_the_shipped_and_the_named_detectors() -> None:
    named = ROOT / "sdk/fer_sdk/data/yunet-int8.tflite"
    names = [one.name for one in candidates((named,))]
    assert names == [OPENCV, "yunet-float32", "yunet-int8", "yunet-int8", "yunet-float32, thorough"]


def test_a_part_without_the_others_is_one_line(tmp_path: Path) -> None:
    words = [str(tmp_path), "--fairface", "a.npz", "--pack", "b.npz", "--part", "recall"]
    done = CliRunner().invoke(
        main, [*words, "--backgrounds", str(tmp_path), "--out", str(tmp_path)]
    )
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "run without --part" in line


def recorded(name: str, scale: int) -> dict[str, Any]:
    return {
        "network": f"{name}.onnx", "precision": "float32", "size_bytes": 1000, "float_name": None,
        "thorough": "thorough" in name,
        "recall": {"London": {"10-16": [scale, 20], "16-26": [2 * scale, 20]}},
        "false_on_scenes": 0,
        "points": {"points": 5, "median": 0.001, "p95": 0.002},
        "false_faces": {"textures": 0, "photos": 1},
        "crowd": {"found": 3, "n": 48, "false": 0, "ns": 10**8},
        "ns": {"640x480": [[scale * 10**6, scale * 10**6], [scale * 10**6]]},
    }  # fmt: skip


def test_page_states_recall_and_time_of_the_records(tmp_path: Path) -> None:
    names = (OPENCV, "yunet-float32", "yunet-n-float32", "yunet-float32, thorough")
    environment = dict.fromkeys(("processor", "cores", "system", "python", "cv2"), "1")
    found = {
        "schema": 1, "default": "yunet-float32", "former": OPENCV, "load_average": 0.5,
        "environment": environment | {"ai-edge-litert": "2"},
        "detectors": {name: recorded(name, 2 + n) for n, name in enumerate(names)},
        "labels": [{"data": "London", "photos": 4, "both": 4, "same": 3, "former_right": 2,
                    "right": 4}],
    }  # fmt: skip
    text = page(found, None)
    assert "| `yunet-n-float32` | 20.0 | 40.0 |" in text
    assert "| `yunet-n-float32` | 4.0 (4.0) |" in text
    assert "| London | 4 | 4 | 75.00 % | 50.00 % | 100.00 % |" in text
    assert "30.0 %" in text
    assert "in 3.0 ms per 640x480 photo" in text
    (tmp_path / DETECTORS_JSON).write_text(json.dumps(found))
    write_page(tmp_path)
    assert (tmp_path / "detectors.md").read_text() == text
    assert cv2.imread(str(tmp_path / "detectors.png")) is not None


def test_installed_size_counts_the_sdk_and_its_packages() -> None:
    sizes = installed_bytes()
    assert {"fer-sdk", "numpy", "ai-edge-litert", "click"} <= set(sizes)
    assert all(size > 10_000 for size in sizes.values())
