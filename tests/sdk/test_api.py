"""The interface that apps see: kinds of images, threads, processes, frozen results."""

import ctypes
import dataclasses
import multiprocessing
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.synthetic import band_face

from fer_sdk import (
    Expression,
    ExpressionClassifier,
    ExpressionRecognizer,
    Face,
    FaceQuality,
    FrameResult,
    ImageResult,
    InputError,
    Landmarks,
    PhotoResult,
    QualityLimits,
    RecognizedFace,
    TrackedFace,
    read_photo,
)
from fer_sdk.errors import RuntimeFailure
from fer_sdk.preprocess import FER2013_CROP


def test_path_bytes_array_and_pillow_image_give_equal_results(sample_photo: Path) -> None:
    pixels = read_photo(sample_photo)
    with ExpressionRecognizer() as recognizer:
        expected = recognizer.recognize(pixels, color="bgr")
        assert recognizer.recognize(sample_photo) == expected
        assert recognizer.recognize(str(sample_photo)) == expected
        assert recognizer.recognize(sample_photo.read_bytes()) == expected
        assert recognizer.recognize(pixels[..., ::-1], color="rgb") == expected
        image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
        with image.open(sample_photo) as opened:
            assert recognizer.recognize(opened) == expected
            grey = opened.convert("L")
        assert recognizer.recognize(grey) == recognizer.recognize(np.asarray(grey), color="grey")


def test_ambiguous_and_invalid_images_are_refused(sample_photo: Path, tmp_path: Path) -> None:
    with ExpressionRecognizer() as recognizer:
        with pytest.raises(InputError, match="an array does not define the order"):
            recognizer.recognize(np.zeros((64, 64, 3), np.uint8))
        with pytest.raises(InputError, match="color is valid for arrays only"):
            recognizer.recognize(sample_photo, color="bgr")
        with pytest.raises(InputError, match="or a Pillow image, but is list"):
            recognizer.recognize([[1, 2], [3, 4]])  # type: ignore[arg-type]
        with pytest.raises(InputError, match="the photo must be a JPEG"):
            recognizer.recognize(b"no photo")
        with pytest.raises(InputError, match="no photo at nothing"):
            recognizer.recognize("nothing.jpg")
        fifo = tmp_path / "pipe.jpg"
        if hasattr(os, "mkfifo"):
            os.mkfifo(fifo)
            with pytest.raises(InputError, match="it is not a regular file"):
                recognizer.recognize(fifo)
        image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
        with pytest.raises(InputError, match="mode RGB or L, but has RGBA"):
            recognizer.recognize(image.new("RGBA", (64, 64)))
        with pytest.raises(InputError, match="20000x64 pixels"):
            recognizer.recognize(image.new("L", (20_000, 64)))


@pytest.mark.parametrize(
    "kind",
    [
        Expression,
        Face,
        FaceQuality,
        FrameResult,
        ImageResult,
        Landmarks,
        PhotoResult,
        RecognizedFace,
        TrackedFace,
    ],
)
def test_results_are_frozen(kind: type) -> None:
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_detected_faces_are_classified_in_one_call(tiny_int8: Path) -> None:
    image = np.hstack([band_face(3), band_face(5), band_face(0)])

    def face(left: int) -> Face:
        right, left_eye = (
            (x + left, y) for x, y in (FER2013_CROP.right_eye, FER2013_CROP.left_eye)
        )
        mouth = FER2013_CROP.mouth[0] + left, FER2013_CROP.mouth[1]
        nose = mouth[0], 28.0
        corners = (mouth[0] - 5, mouth[1]), (mouth[0] + 5, mouth[1])
        marks = Landmarks(right, left_eye, nose, *corners)
        return Face((left, 0, left + 48, 48), marks, 1.0)

    with ExpressionRecognizer(tiny_int8) as recognizer:
        found = recognizer.describe(image, [face(0), face(48), face(96)], color="grey")
    assert [each.label for each in found] == ["happy", "surprise", "angry"]
    assert found[0].quality.size_px == pytest.approx(48, abs=0.1)


def test_threads_may_share_a_recognizer(sample_photo: Path) -> None:
    photo = read_photo(sample_photo)
    images = [photo, photo[:, ::-1].copy(), photo[:300, 50:400].copy(), np.zeros_like(photo)]
    with ExpressionRecognizer() as recognizer:
        expected = [recognizer.recognize(image, color="bgr") for image in images]
        assert [len(faces) for faces in expected] == [1, 1, 1, 0]
        with ThreadPoolExecutor(4) as pool:
            work = [pool.submit(recognizer.recognize, image, color="bgr") for image in images * 6]
        assert [each.result() for each in work] == expected * 6


def label_of(photo: Path) -> str:
    with ExpressionRecognizer() as recognizer:
        return recognizer.recognize(photo)[0].label


def test_spawned_processes_open_their_own(sample_photo: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(label_of, [sample_photo] * 2) == ["happy"] * 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_may_use_its_parents_recognizer(sample_photo: Path) -> None:
    with ExpressionRecognizer(threads=2) as recognizer:
        expected = recognizer.recognize(sample_photo)
        fork = multiprocessing.get_context("fork")
        here, there = fork.Pipe()

        def work() -> None:
            there.send(recognizer.recognize(sample_photo))
            recognizer.close()

        # As if another thread were in the middle of a call: the child must not wait for it.
        with recognizer.classifier._session._lock:  # type: ignore[attr-defined]
            child = fork.Process(target=work)
            child.start()
        assert here.poll(30), "the child hangs"
        assert here.recv() == expected
        child.join()
        assert child.exitcode == 0
        assert recognizer.recognize(sample_photo) == expected


def test_a_closed_recognizer_raises(sample_photo: Path) -> None:
    recognizer = ExpressionRecognizer()
    recognizer.close()
    recognizer.close()
    with pytest.raises(RuntimeFailure, match="closed"):
        recognizer.recognize(sample_photo)


def test_delegate_is_cpu_or_gpu_and_gpu_is_litert_alone(golden: Path) -> None:
    with pytest.raises(InputError, match="delegate must be one of cpu, gpu, but is 'npu'"):
        ExpressionClassifier.load(delegate="npu")
    with pytest.raises(InputError, match="delegate='gpu' needs the runtime 'litert'"):
        ExpressionClassifier.load(delegate="gpu", runtime="tflite")
    with pytest.raises(InputError, match=r"litert takes \.tflite files"):
        ExpressionClassifier.load(golden / "tiny-float32.onnx", delegate="gpu")


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_are_an_error(number: float, tiny_int8: Path) -> None:
    with ExpressionClassifier.load(tiny_int8) as good:
        bundle = good.bundle

    class BrokenSession:
        input_hw, classes = (48, 48), 7

        def run(self, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
            return np.full((len(faces), 7), number, np.float32)

        def close(self) -> None:
            pass

    with pytest.raises(RuntimeFailure, match="not finite"):
        ExpressionClassifier(bundle, BrokenSession()).classify([band_face(1)], color="grey")


def test_given_limits_decide_about_quality(sample_photo: Path) -> None:
    with ExpressionRecognizer(limits=QualityLimits(min_size_px=500)) as recognizer:
        (face,) = recognizer.recognize(sample_photo)
        assert not face.quality.good
        assert face.quality.reasons[0].startswith("small: ")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells memory and open files in /proc")
def test_opening_and_closing_leaves_no_file_and_no_model_behind(sample_photo: Path) -> None:
    """The short version of `python -m research.soak`; a model kept would be 15 MB in all."""

    def held() -> tuple[int, int]:
        # Freed blocks that the C library keeps would count as held.
        ctypes.CDLL(None).malloc_trim(0)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGESIZE"), len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    for _ in range(5):
        label_of(sample_photo)
    before = held()
    for _ in range(25):
        label_of(sample_photo)
    after = held()
    assert after[0] - before[0] < 5_000_000
    assert after[1] == before[1]
