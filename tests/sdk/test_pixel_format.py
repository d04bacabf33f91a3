"""Networks of another origin: colour, other sizes, other numbers for the levels."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fer_sdk import BundleError, ExpressionClassifier, ExpressionRecognizer, InputError
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import RuntimeFailure
from fer_sdk.preprocess import (
    FER2013_CROP,
    FER2013_INPUT,
    Color,
    InputSpec,
    PixelFormat,
    PixelRange,
    crop_face,
    to_input,
)
from fer_sdk.runtimes.base import Tensor, check_types, to_tensor

LABELS = ("red", "green", "blue", "fourth", "fifth")


@pytest.fixture
def foreign(golden: Path, tmp_path: Path) -> Callable[[PixelFormat], Path]:
    """Return the network of three channels with a sidecar that states the format."""

    def write(pixels: PixelFormat) -> Path:
        path = tmp_path / f"{pixels.color}.tflite"
        shutil.copy(golden / "foreign-rgb.tflite", path)
        ModelBundle(
            path=path, labels=LABELS, precision="float32", temperature=1.0, uncertain_below=0.5,
            input=InputSpec(96, 96, FER2013_CROP, pixels), license="MIT", source={}, metrics=(),
            output="probabilities",
        ).write_sidecar()  # fmt: skip
        return path

    return write


def solid(rgb: tuple[int, int, int], size: tuple[int, int] = (50, 40)) -> NDArray[np.uint8]:
    return np.full((*size, 3), rgb, np.uint8)


@pytest.mark.parametrize("color", ["rgb", "bgr"])
@pytest.mark.parametrize("range_", ["0..255", "0..1", "-1..1", "imagenet"])
def test_a_colour_network_gets_its_channels_and_numbers(
    color: Color, range_: PixelRange, foreign: Callable[[PixelFormat], Path]
) -> None:
    rgb = np.array([51, 102, 0])
    numbers = {
        "0..255": rgb / 1,
        "0..1": rgb / 255,
        "-1..1": rgb / 127.5 - 1,
        "imagenet": (rgb / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
    }[range_]
    logits = np.array([[*(10 * (numbers if color == "rgb" else numbers[::-1])), 5, 0]])
    expected = np.maximum(softmax(logits, 1), 1e-6)
    with ExpressionClassifier.load(foreign(PixelFormat(color, range_))) as classifier:
        for given, order in ((solid((51, 102, 0)), "rgb"), (solid((0, 102, 51)), "bgr")):
            (found,) = classifier.classify([given], color=order)  # type: ignore[arg-type]
            np.testing.assert_allclose(found.probabilities, expected[0], atol=1e-4)
        (grey,) = classifier.classify([np.full((9, 9), 128, np.uint8)], color="grey")
        channels = grey.probabilities[:3]
        if range_ != "imagenet":
            assert max(channels) - min(channels) < 1e-6


def test_colour_crops_are_those_of_the_grey_levels_of_each_channel(sample_photo: Path) -> None:
    from fer_sdk import read_photo

    photo = read_photo(sample_photo)
    points = {"right_eye": (200, 102), "left_eye": (247, 103), "mouth": (218, 144)}
    grey = InputSpec(96, 80, FER2013_CROP)
    for color, step in (("bgr", 1), ("rgb", -1)):
        spec = replace(grey, pixels=PixelFormat(color, "0..1"))  # type: ignore[arg-type]
        found = crop_face(photo, spec, **points, color="bgr")
        one_by_one = [
            crop_face(photo[..., c], grey, **points, color="grey") for c in range(3)[::step]
        ]
        np.testing.assert_array_equal(found, np.stack(one_by_one, axis=-1))
    with pytest.raises(InputError, match="must be 'rgb' or 'bgr', not 'grey'"):
        PixelFormat("grey", "imagenet")


def test_a_photo_is_recognized_by_a_colour_network(
    sample_photo: Path, foreign: Callable[[PixelFormat], Path]
) -> None:
    with ExpressionRecognizer(foreign(PixelFormat("rgb", "0..1"))) as recognizer:
        (face,) = recognizer.recognize(sample_photo)
        assert face.label in LABELS
        with ExpressionRecognizer() as shipped:
            (other,) = shipped.recognize(sample_photo)
        assert face.quality == other.quality
        with pytest.raises(
            InputError, match=r"must be uint8 \(n, 96, 96, 3\), but are uint8 \(1, 9"
        ):
            recognizer.classifier.classify_inputs(np.zeros((1, 96, 96), np.uint8))


def test_numbers_are_quantised_by_the_scale_of_the_input() -> None:
    faces = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    unit = Tensor((1, 16, 16, 1), np.dtype(np.uint8), 1 / 255, 0)
    np.testing.assert_array_equal(
        to_tensor(faces, unit, PixelFormat("grey", "0..1"))[..., 0], faces
    )
    signed = Tensor((1, 16, 16, 1), np.dtype(np.int8), 2 / 255, 0)
    found = to_tensor(faces, signed, PixelFormat("grey", "-1..1")).astype(int)
    assert (abs(found[..., 0] - (faces.astype(float) - 127.5)) <= 0.5).all()
    float_ = Tensor((1, 3, 8, 8), np.dtype(np.float32))
    colours = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), np.uint8)
    first = to_tensor(colours, float_, PixelFormat("rgb", "0..255"))
    np.testing.assert_array_equal(first, np.moveaxis(colours, 3, 1))
    unit_range = np.asarray(to_tensor(colours, float_, PixelFormat("rgb", "0..1")), np.float32)
    np.testing.assert_allclose(255 * unit_range, np.asarray(first, np.float32), rtol=1e-6)


@pytest.mark.parametrize(
    ("scale", "zero_point"), [(1.0, 0), (0.5 / 255, 0), (1 / 255, 128), (0.0, 0)]
)
def test_an_input_that_cannot_hold_the_numbers_is_refused(scale: float, zero_point: int) -> None:
    entry = Tensor((1, 48, 48, 1), np.dtype(np.uint8), scale, zero_point)
    end = Tensor((1, 7), np.dtype(np.float32))
    with pytest.raises(RuntimeFailure, match=r"^net must take pixels as 0 to 1 [^\n]*$"):
        check_types(entry, end, "net", PixelFormat("grey", "0..1"))


def test_a_sidecar_of_schema_1_takes_grey_levels_only(
    foreign: Callable[[PixelFormat], Path], tiny_int8: Path
) -> None:
    assert json.loads(Path(f"{tiny_int8}.json").read_text())["schema"] == 1
    path = foreign(PixelFormat("bgr", "imagenet"))
    assert ModelBundle.load(path).input.pixels == PixelFormat("bgr", "imagenet")
    sidecar = Path(f"{path}.json")
    text = json.loads(sidecar.read_text())
    assert text["schema"] == 2

    def changed(edit: Callable[[dict[str, Any]], object]) -> None:
        copy = json.loads(json.dumps(text))
        edit(copy)
        sidecar.write_text(json.dumps(copy))

    for edit, message in (
        (lambda t: t.update(schema=1), "unknown .'pixels'"),
        (lambda t: t["input"].pop("pixels"), "missing .'pixels'"),
        (lambda t: t["input"].update(color="grey"), "not 'grey'"),
        (lambda t: t["input"].update(pixels="0..2"), "pixels must be one of"),
        (lambda t: t["input"].update(color="hsv"), "color must be one of"),
    ):
        changed(edit)
        with pytest.raises(BundleError, match=message):
            ModelBundle.load(path)
    changed(lambda t: t["input"].update(color="grey", pixels="0..1"))
    with pytest.raises(RuntimeFailure, match="must take grey images, but its input is"):
        ExpressionClassifier.load(path)


def test_another_size_is_resized_to_its_shape() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (60, 50), np.uint8)
    assert to_input(photo, FER2013_INPUT, "grey").shape == (48, 48)
    assert to_input(photo, replace(FER2013_INPUT, height=96, width=64), "grey").shape == (96, 64)
