import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer_sdk.errors import InputError
from fer_sdk.preprocess import (
    FER2013_INPUT,
    Affine,
    CropSpec,
    InputSpec,
    crop_face,
    crop_transform,
    sample,
    to_grey,
    to_input,
)

CROP = FER2013_INPUT.crop


def transformed(transform: Affine, point: tuple[float, float]) -> tuple[float, float]:
    x, y = point
    return (
        transform.xx * x + transform.xy * y + transform.x0,
        transform.yx * x + transform.yy * y + transform.y0,
    )


def test_grey_levels_follow_bt601_and_differ_from_opencv_by_at_most_one() -> None:
    colours = np.array([[[0, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [255] * 3]], np.uint8)
    np.testing.assert_array_equal(to_grey(colours, "rgb"), [[0, 76, 150, 29, 255]])
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    of_bgr = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    of_rgb = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    np.testing.assert_allclose(to_grey(image, "bgr").astype(int), of_bgr, atol=1)
    np.testing.assert_allclose(to_grey(image, "rgb").astype(int), of_rgb, atol=1)


def test_bgr_and_rgb_of_one_image_give_the_same_input() -> None:
    bgr = np.random.default_rng(1).integers(0, 256, (100, 80, 3), np.uint8)
    np.testing.assert_array_equal(
        to_input(bgr, FER2013_INPUT, "bgr"), to_input(bgr[..., ::-1], FER2013_INPUT, "rgb")
    )
    assert (to_input(bgr, FER2013_INPUT, "bgr") != to_input(bgr, FER2013_INPUT, "rgb")).any()


def test_a_grey_face_of_the_input_size_is_unchanged() -> None:
    face = np.random.default_rng(2).integers(0, 256, (48, 48), np.uint8)
    np.testing.assert_array_equal(to_input(face, FER2013_INPUT, "grey"), face)


def test_halving_averages_blocks_of_four() -> None:
    face = np.random.default_rng(3).integers(0, 256, (96, 96), np.uint8)
    blocks = face.reshape(48, 2, 48, 2).sum(axis=(1, 3), dtype=np.int64)
    np.testing.assert_array_equal(to_input(face, FER2013_INPUT, "grey"), (blocks + 2) // 4)


def test_doubling_interpolates_between_pixel_centres() -> None:
    spec = InputSpec(8, 8, CROP)
    row = np.array([[0, 80, 160, 240]] * 4, np.uint8)
    expected = [
        0,
        20,
        60,
        100,
        140,
        180,
        220,
        240,
    ]  # at one and three quarters between pixels; edges repeated
    np.testing.assert_array_equal(to_input(row, spec, "grey"), [expected] * 8)


@given(height=st.integers(1, 300), width=st.integers(1, 300), level=st.integers(0, 255))
@settings(max_examples=40, deadline=None)
def test_a_uniform_image_keeps_its_level(height: int, width: int, level: int) -> None:
    face = np.full((height, width), level, np.uint8)
    assert (to_input(face, FER2013_INPUT, "grey") == level).all()


@given(
    scale=st.floats(0.1, 30),
    angle=st.floats(-3.1, 3.1),
    x=st.floats(-200, 900),
    y=st.floats(-200, 900),
)
@settings(max_examples=60, deadline=None)
def test_a_rotated_and_scaled_face_is_mapped_to_the_points_of_the_crop(
    scale: float, angle: float, x: float, y: float
) -> None:
    rotation = scale * np.exp(1j * angle)
    points = [
        complex(*point) * rotation + complex(x, y)
        for point in (CROP.right_eye, CROP.left_eye, CROP.mouth)
    ]
    right, left, mouth = [(p.real, p.imag) for p in points]
    transform = crop_transform(CROP, right, left, mouth)
    assert transformed(transform, CROP.right_eye) == pytest.approx(right, abs=1e-6)
    assert transformed(transform, CROP.left_eye) == pytest.approx(left, abs=1e-6)
    assert transformed(transform, CROP.mouth) == pytest.approx(mouth, abs=1e-6)
    assert transform.scale == pytest.approx(scale)


def test_a_crop_repeats_the_edge_outside_the_image() -> None:
    image = np.zeros((60, 60, 3), np.uint8)
    image[:, :5] = 200
    crop = crop_face(
        image,
        FER2013_INPUT,
        right_eye=(0.0, 20.0),
        left_eye=(18.0, 20.0),
        mouth=(9.0, 38.0),
        color="bgr",
    )
    assert (crop[:, :10] == 200).all()
    assert (crop[:, 30:] == 0).all()


def test_a_crop_far_outside_the_image_repeats_the_edge() -> None:
    image = np.arange(100, dtype=np.uint8).reshape(10, 10)
    away = sample(image, Affine(1, 0, -1e5, 0, 1, 1e5), FER2013_INPUT, "grey")
    assert (away == image[9, 0]).all()


def test_a_face_far_larger_than_the_image_needs_little_memory() -> None:
    image = np.full((40, 60, 3), 90, np.uint8)
    points = {"right_eye": (-4e6, 0.0), "left_eye": (4e6, 0.0), "mouth": (0.0, 8e6)}
    tracemalloc.start()
    crop = crop_face(image, FER2013_INPUT, **points, color="bgr")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (crop == 90).all()
    assert peak < 10_000_000


def test_coinciding_and_non_finite_points_are_rejected() -> None:
    with pytest.raises(InputError, match="no crop is defined"):
        crop_transform(CROP, (5, 5), (5, 5), (5, 5))
    with pytest.raises(InputError, match="no crop is defined"):
        crop_transform(CROP, (float("nan"), 5), (5, 5), (5, 9))


@pytest.mark.parametrize(
    ("face", "color"),
    [
        (np.zeros((48, 48), np.float32), "grey"),
        (np.zeros((48, 48), np.uint16), "grey"),
        (np.zeros((48, 48, 4), np.uint8), "rgb"),
        (np.zeros((48, 48), np.uint8), "rgb"),
        (np.zeros((0, 48, 3), np.uint8), "bgr"),
        ([[1, 2], [3, 4]], "grey"),
        (np.zeros((48, 48, 3), np.uint8), "rgba"),
    ],
    ids=["float", "16-bit", "rgba", "grey for rgb", "empty", "list", "unknown colour"],
)
def test_arrays_that_are_not_8_bit_images_of_the_colour_are_rejected(
    face: object, color: str
) -> None:
    with pytest.raises(InputError, match=r"^(face|color) must be .* but is [^\n]+$"):
        to_input(face, FER2013_INPUT, color)  # type: ignore[arg-type]


def test_the_crop_of_fer2013_is_upright_and_symmetric() -> None:
    assert CROP.right_eye[1] == CROP.left_eye[1]
    assert CROP.right_eye[0] + CROP.left_eye[0] == pytest.approx(47)
    assert CROP.mouth[0] == 23.5
    assert isinstance(CROP, CropSpec)


def test_the_sum_of_the_largest_blocks_does_not_overflow() -> None:
    white = np.full((3000, 3000), 255, np.uint8)  # one block, whose sum is above 2^31
    face = sample(white, Affine(4000, 0, 0, 0, 4000, 0), FER2013_INPUT, "grey")
    assert (face == 255).all()
