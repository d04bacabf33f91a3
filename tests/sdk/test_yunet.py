"""The face detector YuNet: decoding, sizes, tiles, threads."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.make_golden import searched, sources

from fer_sdk import ExpressionRecognizer, YuNet, read_photo
from fer_sdk.bundles.detector import COLUMNS, DetectorBundle
from fer_sdk.bundles.registry import find_detector, shipped_detectors
from fer_sdk.detectors.decoding import decode, exp
from fer_sdk.detectors.tiles import OVERLAP, finer_levels, tiles_of
from fer_sdk.errors import BundleError, FerError, InputError, RuntimeFailure
from fer_sdk.preprocess import FER2013_CROP, InputSpec, resize, resize_transform, sample


def test_both_detectors_are_shipped() -> None:
    assert set(shipped_detectors()) == {"yunet-float32", "yunet-int8"}


@pytest.mark.parametrize(
    ("size", "wanted"),
    [((37, 61), (12, 20)), ((64, 64), (32, 32)), ((100, 130), (77, 100)), ((20, 30), (40, 60)),
     ((5, 300), (1, 60)), ((99, 101), (33, 34)), ((480, 40), (480, 40))],
)  # fmt: skip
def test_a_resized_colour_image_has_the_channels_of_resized_grey_ones(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    spec = InputSpec(*wanted, FER2013_CROP)
    transform = resize_transform(size, spec)
    expected = [sample(image[..., c].copy(), transform, spec, "grey") for c in range(3)]
    np.testing.assert_array_equal(resize(image, wanted), np.stack(expected, axis=-1))


def test_exp_is_that_of_the_library() -> None:
    x = np.linspace(-100, 100, 4001)
    np.testing.assert_allclose(exp(x), np.exp(x), rtol=1e-14)


def test_rows_of_another_size_and_non_finite_rows_are_rejected() -> None:
    factors = DetectorBundle.load(find_detector("yunet-float32")).factors
    rows = np.zeros((21, COLUMNS), np.float32)
    with pytest.raises(RuntimeFailure, match=r"must return \(84, 16\)"):
        decode(rows, (64, 64), factors, min_score=0.7)
    rows[3, 0] = np.nan
    with pytest.raises(RuntimeFailure, match="not finite"):
        decode(rows, (32, 32), factors, min_score=0.7)


@pytest.mark.parametrize("length", [640, 641, 1000, 1280, 4000])
def test_tiles_cover_the_image_and_overlap(length: int) -> None:
    tiles = tiles_of(length, 700, 640)
    covered = np.zeros((700, length), bool)
    for tile in tiles:
        assert (tile.width, tile.height) == (640, 640)
        covered[tile.top : tile.top + 640, tile.left : tile.left + 640] = True
    assert covered.all()
    lefts = sorted({tile.left for tile in tiles})
    assert max(np.diff(lefts), default=0) <= 640 - OVERLAP


def test_the_last_level_is_the_image_itself_or_twice_the_first() -> None:
    assert finer_levels(7000, 4700, 640)[-1] == (7000, 4700)
    assert finer_levels(640, 480, 640) == [(1280, 960)]
    assert len(finer_levels(7000, 4700, 640)) == 2


def test_thorough_search_finds_faces_that_fast_search_misses(sample_photo: Path) -> None:
    face = resize(read_photo(sample_photo)[20:220, 120:320], (64, 64))
    image = np.full((1100, 2600, 3), 90, np.uint8)
    places = [(100, 60), (640, 500), (1290, 900), (2500, 1000)]
    for left, top in places:
        image[top : top + 64, left : left + 64] = face
    assert len(YuNet().detect(image)) < len(places)
    found = YuNet(search="thorough").detect(image)
    corners = {(round(f.box_xyxy[0] // 100), round(f.box_xyxy[1] // 100)) for f in found}
    assert len(found) == len(corners) == len(places)


def test_eight_threads_and_two_sizes_give_the_serial_faces(sample_photo: Path) -> None:
    photo = read_photo(sample_photo)
    images = [photo, np.ascontiguousarray(photo[20:240, 100:350])]
    with ExpressionRecognizer() as recognizer:
        serial = [recognizer.recognize(image, color="bgr").faces for image in images]
        assert all(serial)
        with ThreadPoolExecutor(8) as pool:
            calls = pool.map(
                lambda i: recognizer.recognize(images[i % 2], color="bgr").faces, range(64)
            )
            assert all(faces == serial[i % 2] for i, faces in enumerate(calls))


def test_closing_while_other_threads_detect_gives_a_fer_error(sample_photo: Path) -> None:
    photo = read_photo(sample_photo)
    detector = YuNet(max_side=256)
    expected = detector.detect(photo)
    started = threading.Barrier(5)

    def work() -> str:
        started.wait()
        for _ in range(1000):
            try:
                assert detector.detect(photo) == expected
            except FerError as error:
                return str(error)
        return "never closed"

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(work) for _ in range(4)]
        started.wait()
        detector.close()
        assert {future.result() for future in futures} == {"yunet-float32.tflite is closed"}


def test_options_out_of_range_are_one_line() -> None:
    for options, message in (
        ({"max_side": 16}, "max_side must be 32 to 4096 pixels"),
        ({"max_side": 128, "search": "thorough"}, "max_side must be 256 to 4096 pixels"),
        ({"search": "slow"}, "search must be one of fast, thorough"),
        ({"min_score": 1.5}, "min_score must be 0 to 1"),
        ({"model": "nothing"}, "no face detector nothing"),
        ({"runtime": "onnx"}, "unknown runtime 'onnx'"),
    ):
        with pytest.raises(InputError, match=f"^{message}"):
            YuNet(**options)


def test_a_changed_sidecar_is_rejected(tmp_path: Path) -> None:
    source = find_detector("yunet-int8")
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes())
    sidecar = json.loads(DetectorBundle.load(source).sidecar.read_text())
    sidecar["output"]["factors"][1][3] = 0
    path.with_name(path.name + ".json").write_text(json.dumps(sidecar))
    with pytest.raises(BundleError, match="factors must be 3 lists of 16 positive numbers"):
        YuNet(path)


def test_a_halved_photo_is_that_of_opencv_up_to_rounding() -> None:
    photo = sources()["photo"]
    half = searched(photo, 256).astype(int)
    expected = cv2.resize(photo, (256, 256), interpolation=cv2.INTER_AREA)
    assert np.abs(half - expected).max() <= 1
