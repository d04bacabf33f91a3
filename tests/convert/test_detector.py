"""Conversion of YuNet: the file must find the faces that OpenCV finds."""

from pathlib import Path

import numpy as np
import pytest
from tests.convert.command import fer_convert as convert

from fer_sdk.bundles.detector import DetectorBundle
from fer_sdk.outputs.annotate import write_picture
from fer_sdk.preprocess import resize

pytest.importorskip("tensorflow")
pytestmark = pytest.mark.tensorflow

YUNET = Path(__file__).parents[2] / "convert" / "detectors" / "face_detection_yunet_2023mar.onnx"


@pytest.fixture
def photos(tmp_path: Path, sample_photo: Path) -> Path:
    """Ten portraits of different sizes."""
    from fer_sdk import read_photo

    portrait = read_photo(sample_photo)
    for number in range(10):
        side = 300 + 30 * number
        write_picture(tmp_path / "photos" / f"{number}.png", resize(portrait, (side, side)))
    return tmp_path / "photos"


@pytest.mark.slow
def test_a_float32_file_finds_the_faces_of_opencv(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = convert("detector", YUNET, "--photos", photos, "--float32", "--license", "MIT",
                   "--out", out)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    (metrics,) = DetectorBundle.load(out / "yunet-float32.tflite").metrics
    assert metrics["matched"] == metrics["faces"] > 10
    assert metrics["points_95"] < 1e-4
    again = convert("detector", YUNET, "--photos", photos, "--float32", "--license", "MIT",
                    "--out", out)  # fmt: skip
    assert again.exit_code == 1
    assert "add --overwrite" in again.stderr


def test_another_network_is_rejected(photos: Path, golden: Path, tmp_path: Path) -> None:
    done = convert("detector", golden / "tiny-float32.onnx", "--photos", photos, "--license", "MIT",
                   "--out", tmp_path / "out")  # fmt: skip
    assert done.exit_code == 1
    assert "is not YuNet" in done.stderr
    assert not (tmp_path / "out").exists()


def test_too_few_photos_are_rejected(sample_photo: Path, tmp_path: Path) -> None:
    done = convert("detector", YUNET, "--photos", sample_photo.parent, "--license", "MIT",
                   "--out", tmp_path / "out")  # fmt: skip
    assert done.exit_code == 1
    assert "at least 10 photos" in done.stderr


def test_factors_do_not_change_the_float_network() -> None:
    from fer_convert.yunet import read_network

    head = read_network(YUNET).heads[0]
    between, after = np.full(16, 2.0, np.float32), np.full(16, 0.5, np.float32)
    scaled = head.scaled(between, after)
    np.testing.assert_allclose(scaled.pointwise[0] * 2, head.pointwise[0])
    np.testing.assert_allclose(scaled.depthwise[0], head.depthwise[0] * 4)
    np.testing.assert_allclose(scaled.depthwise[1] * 0.5, head.depthwise[1])
