"""Cases of `tests.fuzz` that are whole files: foreign networks, EXIF, videos and output paths.

Each function creates one case in a folder and checks it; it returns how the case ended and raises
`AssertionError` or another exception for a failure. `write_media` must have written the sources.
"""

import base64
import io
import json
import math
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from numpy.typing import NDArray
from tests.command_line import run_command

from fer_sdk.errors import FerError, InputError, StreamError

ROOT: Final = Path(__file__).parents[1]
GOLDEN: Final = ROOT / "tests" / "golden"
FRAMES: Final = 24
Ending = str
Case = Callable[[np.random.Generator, Path], Ending]


def write_media(folder: Path) -> None:
    """Write the short video that the cases change; without ffmpeg there is none."""
    if shutil.which("ffmpeg") is None:
        return
    photo = ROOT / "examples" / "eileen_collins.png"
    _ffmpeg("-loop", 1, "-framerate", 24, "-i", photo, "-frames:v", FRAMES,
            "-vf", "crop=300:280:90:0,scale=192:180", "-c:v", "libx264", "-preset", "ultrafast",
            "-g", 8, "-pix_fmt", "yuv420p", folder / "clip.mp4")  # fmt: skip
    _ffmpeg("-f", "lavfi", "-i", "sine=440:duration=3", "-c:a", "aac", folder / "sound.m4a")


def try_foreign(rng: np.random.Generator, folder: Path) -> Ending:
    """A network of another origin is adopted as it is, or refused; never used in another way."""
    from fer_convert.adopt import Statement, adopt_model
    from fer_sdk import ExpressionClassifier
    from fer_sdk.preprocess import Color, PixelFormat, PixelRange

    channels, classes = int(rng.choice([1, 3])), int(rng.integers(2, 11))
    end = str(rng.choice(["none", "softmax", "sigmoid"]))
    if rng.random() < 0.25:
        path, channels, classes, end = folder / "net.tflite", 3, 5, "softmax"
        shutil.copy(GOLDEN / "foreign-rgb.tflite", path)
    else:
        path = folder / "net.onnx"
        path.write_bytes(_network(rng, channels, classes, end))
    if rng.random() < 0.2:
        data = bytearray(path.read_bytes())
        data[int(rng.integers(len(data)))] = int(rng.integers(256))
        path.write_bytes(data)
        end = "changed"
    if rng.random() < 0.1:
        classes, end = classes + int(rng.integers(1, 3)), "changed"
    right = ("grey",) if channels == 1 else ("rgb", "bgr")
    color: Color = str(rng.choice(right if rng.random() < 0.8 else get_args(Color)))  # type: ignore[assignment]
    numbers: PixelRange = str(rng.choice(get_args(PixelRange)))  # type: ignore[assignment]
    before = path.read_bytes()
    sidecar = path.with_name(path.name + ".json")
    sidecar.unlink(missing_ok=True)
    try:
        statement = Statement(
            tuple(f"label {i}" for i in range(classes)), PixelFormat(color, numbers),
            float(rng.uniform(0.3, 1.5)), "MIT", float(rng.uniform(0, 1)),
        )  # fmt: skip
        bundle, predictions = adopt_model(path, statement)
        bundle.write_sidecar()
        with ExpressionClassifier.load(path) as classifier:
            inputs = rng.integers(0, 256, (3, *bundle.input.shape), np.uint8)
            assert np.allclose(classifier.probabilities(inputs).sum(axis=1), 1)
    finally:
        assert path.read_bytes() == before
    for prediction in predictions:
        assert abs(sum(prediction.expression.probabilities) - 1) < 1e-6
    if end == "softmax":
        assert bundle.output == "probabilities", bundle
    return f"adopted as {bundle.output}"


def _network(rng: np.random.Generator, channels: int, classes: int, end: str) -> bytes:
    """Return an .onnx file of a random size that averages the image and has a dense layer."""
    from onnx import TensorProto, helper, numpy_helper

    height, width = (int(rng.choice([8, 16, 31, 48, 96, 112, 224])) for _ in range(2))
    scale = float(rng.choice([0.01, 0.1, 1, 10]))
    weights = rng.normal(0, scale, (channels * 4, classes)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["face"], ["pooled"],
                         kernel_shape=[height // 2, width // 2],
                         strides=[height // 2, width // 2]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
    ]  # fmt: skip
    last = {"none": "Identity", "softmax": "Softmax", "sigmoid": "Sigmoid"}[end]
    nodes.append(helper.make_node(last, ["logits"], ["out"]))
    batch: Any = "N" if rng.random() < 0.5 else 1
    shape = [batch, channels, height, width]
    graph = helper.make_graph(
        nodes, "foreign",
        [helper.make_tensor_value_info("face", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [batch, classes])],
        [numpy_helper.from_array(weights, "weights")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def try_exif(rng: np.random.Generator, folder: Path) -> Ending:
    """A photo with any EXIF data gives the same pixels from every kind of source, or an error."""
    import cv2
    from PIL import Image

    from fer_sdk import read_photo
    from fer_sdk.inputs.images import load_image

    source = rng.integers(0, 256, (24, 16, 3), np.uint8)
    suffix = str(rng.choice([".jpg", ".jpg", ".png", ".webp"]))
    data: bytes = cv2.imencode(suffix, source)[1].tobytes()
    orientation = int(rng.integers(0, 11))
    exif, damaged = _exif(rng, orientation)
    if suffix == ".jpg":
        segment = b"Exif\0\0" + exif
        data = data[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:]
    path = folder / f"photo{suffix}"
    path.write_bytes(data)
    uri = f"data:image/{suffix[1:]};base64," + base64.b64encode(data).decode()
    found: list[NDArray[np.uint8]] = []
    errors = []
    for given in (path, str(path), data, io.BytesIO(data), uri):
        try:
            found.append(load_image(given)[0])
        except FerError as error:
            errors.append(error)
    assert not (found and errors), errors
    assert path.read_bytes() == data
    if errors:
        raise errors[0]
    assert all((pixels == found[0]).all() for pixels in found)
    assert (read_photo(path) == found[0]).all()
    pillow = Image.open(io.BytesIO(data))
    try:
        pixels = load_image(pillow)[0]
    except InputError:
        return "pixels, but Pillow cannot read it"
    # OpenCV and Pillow may read another orientation from damaged EXIF data.
    assert damaged or pixels.shape == found[0].shape, (orientation, pixels.shape)
    if suffix == ".png":
        assert (pixels[..., ::-1] == found[0]).all()
    return "pixels"


def _exif(rng: np.random.Generator, orientation: int) -> tuple[bytes, bool]:
    """Return a TIFF header with a directory that states the orientation, and if it is damaged."""
    big = rng.random() < 0.5
    order: Any = "big" if big else "little"

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, order)

    entries = [(0x0112, 3, number(orientation, 2) + bytes(2))]
    if rng.random() < 0.5:
        entries.append((0x0128, 3, number(2, 2) + bytes(2)))
    tiff = (b"MM" if big else b"II") + number(42, 2) + number(8, 4) + number(len(entries), 2)
    for tag, kind, value in entries:
        tiff += number(tag, 2) + number(kind, 2) + number(1, 4) + value
    data = bytearray(tiff + bytes(4))
    whole = bytes(data)
    if rng.random() < 0.4:
        for _ in range(int(rng.integers(1, 4))):
            data[int(rng.integers(len(data)))] = int(rng.integers(256))
    if rng.random() < 0.1:
        del data[int(rng.integers(len(data))) :]
    return bytes(data), data != whole


def try_video(rng: np.random.Generator, folder: Path) -> Ending:
    """A video as cameras and editors write them is read as a whole, or its damage is reported."""
    from fer_sdk import VideoFile

    clip = folder / "clip.mp4"
    if not clip.is_file():
        return "not made: ffmpeg is not installed"
    suffix = str(rng.choice(["mp4", "mov", "mkv", "ts", "flv", "avi"]))
    video = folder / f"video.{suffix}"
    before: list[object] = []
    after: list[object] = ["-c", "copy"]
    ways = set(rng.choice(["edit", "late", "sound", "aspect", "rate", "damage", "cut"],
                          int(rng.integers(1, 3)), replace=False).tolist())  # fmt: skip
    if "edit" in ways:
        before += ["-ss", round(float(rng.uniform(0, 0.8)), 3)]
    if "late" in ways:
        before += ["-itsoffset", round(float(rng.uniform(0, 6)), 3)]
    before += ["-i", clip]
    if "sound" in ways:
        before += ["-i", folder / "sound.m4a"]
        after += ["-map", "0:v", "-map", "1:a"]
    if "aspect" in ways:
        after += ["-aspect", str(rng.choice(["16:9", "4:3", "1:2", "64:45", "1:1"]))]
    if "rate" in ways:
        step = int(rng.integers(2, 40))
        after += ["-bsf:v", f"setts=ts=TS+{step}*TS*gt(mod(N\\,{int(rng.integers(2, 9))})\\,0)/8"]
    _ffmpeg(*before, *after, video)
    data = bytearray(video.read_bytes())
    if "damage" in ways and len(data) > 4000:
        at = int(rng.integers(1000, len(data) - 2000))
        data[at : at + 500] = rng.bytes(500) if rng.random() < 0.5 else bytes(500)
    if "cut" in ways:
        del data[int(rng.integers(100, len(data))) :]
    video.write_bytes(data)
    whole = not ways & {"edit", "damage", "cut"}
    if rng.random() < 0.3:
        return "command: " + _video_command(folder, video, bytes(data), whole)
    frames, last, shape = 0, -math.inf, None
    try:
        with VideoFile(video) as opened:
            for time_s, image in opened:
                assert math.isfinite(time_s) and time_s > last, (time_s, last)  # noqa: PT018
                assert image.dtype == np.uint8 and image.ndim == 3  # noqa: PT018
                assert shape in (None, image.shape) or not whole
                frames, last, shape = frames + 1, time_s, image.shape
            assert all(begin < end for begin, end in opened.gaps), opened.gaps
    except (InputError, StreamError):
        assert not whole, f"{ways} {suffix}"
        raise
    finally:
        assert video.read_bytes() == data
    assert frames == FRAMES or not whole, f"{frames} frames of {suffix} with {ways}"
    return "frames"


def _video_command(folder: Path, video: Path, data: bytes, whole: bool) -> Ending:
    from fer_sdk.cli.main import main

    outputs = folder / "outputs"
    shutil.rmtree(outputs, ignore_errors=True)
    outputs.mkdir()
    table, annotated = outputs / "faces.csv", outputs / "annotated.mp4"
    model = GOLDEN / "tiny-int8.tflite"
    done = run_command(
        main, "video", video, "--model", model, "--csv", table, "--out", annotated,
        "--max-side", 192,
    )  # fmt: skip
    _check_result(done)
    assert video.read_bytes() == data
    assert done.exit_code == 0 or not whole, done.stderr
    if done.exit_code == 0:
        assert len(table.read_text().splitlines()) > 1
        assert annotated.stat().st_size > 0
    assert {path.name for path in outputs.iterdir()} <= {table.name, annotated.name}
    return "done" if done.exit_code == 0 else "refused"


def try_outputs(rng: np.random.Generator, folder: Path) -> Ending:
    """No output of a command replaces an input or another output, whatever the paths are."""
    from fer_sdk.cli.main import main

    place = folder / "place"
    shutil.rmtree(place, ignore_errors=True)
    (place / "photos").mkdir(parents=True)
    source = folder / "source.jpg"
    for name in ("a.jpg", "photos/b.jpg", "photos/a.jpg"):
        shutil.copy(source, place / name)
    clip = folder / "clip.mp4"
    videos = clip.is_file() and rng.random() < 0.4
    if videos:
        shutil.copy(clip, place / "v.mp4")
    for suffix in ("", ".json"):
        shutil.copy(f"{GOLDEN / 'tiny-int8.tflite'}{suffix}", place / f"m.tflite{suffix}")
    names = ["a.jpg", "photos/b.jpg", "m.tflite", "m.tflite.json", *(["v.mp4"] * videos)]
    for number, name in enumerate(names):
        (place / f"link{number}").symlink_to(place / name)
        (place / f"hard{number}").hardlink_to(place / name)
    (place / "loop").symlink_to(place / "loop")
    (place / "to-photos").symlink_to(place / "photos")
    links = [f"{kind}{number}" for kind in ("link", "hard") for number in range(len(names))]
    free = ["x.csv", "y.csv", "new/x.csv", "x.mp4", "./x.csv", "photos/../x.csv", "z"]
    odd = ["", ".", "photos", "to-photos", "to-photos/b.jpg", "loop", "a.jpg/x", "n" * 300]
    targets = [*names, *links, *free, *free, *odd]
    kinds = ["--csv", "--jsonl", "--out", "--parquet"]
    kinds += ["--json"] if videos else ["--save-crops"]
    chosen = rng.choice(kinds, int(rng.integers(1, 4)), replace=False).tolist()
    options: dict[str, str] = {kind: str(rng.choice(targets)) for kind in chosen}
    inputs = ["v.mp4"] if videos else [["a.jpg"], ["photos"], ["a.jpg", "photos"]][rng.integers(3)]
    words: list[object] = ["video" if videos else "image", *(place / name for name in inputs)]
    for kind, target in options.items():
        words += [kind, place / target]
    words += ["--model", place / "m.tflite", "--max-side", 192]
    words += ["--overwrite"] * bool(rng.random() < 0.6)
    if not videos:
        words += ["--processes", 1]
    read = [*inputs, "m.tflite", "m.tflite.json"]
    read += ["photos/a.jpg", "photos/b.jpg"] * ("photos" in inputs)
    before = {place / n: (place / n).read_bytes() for n in read if n != "photos"}
    done = run_command(main, *words)
    _check_result(done, words)
    now = {path: path.read_bytes() for path in before if path.is_file()}
    assert now == before, f"{words} changed {[p for p in before if now.get(p) != before[p]]}"
    left = [path for path in place.rglob(".*") if path.is_file()]
    assert not left, f"{words} left {left}"
    if done.exit_code == 0:
        for kind in set(options) - {"--out", "--save-crops"}:
            _check_table(place / options[kind], kind)
        return "done"
    return "refused"


def _check_table(path: Path, kind: str) -> None:
    content = path.read_bytes()
    if kind == "--csv":
        assert content.splitlines()[0].count(b",") > 10, path
    elif kind == "--json":
        json.loads(content)
    elif kind == "--jsonl":
        assert [json.loads(line) for line in content.splitlines()], path
    else:
        assert content[:4] == content[-4:] == b"PAR1", path


def _check_result(done: Any, words: object = "") -> None:
    """Check that a command ended with an exit code and one line for an error."""
    assert done.exception is None or isinstance(done.exception, SystemExit), (words, done.exc_info)
    assert done.exit_code in (0, 1, 2), (words, done.exit_code)
    errors = [line for line in done.stderr.splitlines() if line.startswith(("error:", "Error:"))]
    assert "Traceback" not in done.stderr
    assert bool(errors) or done.exit_code == 0, (words, done.stderr)


def _ffmpeg(*words: object) -> None:
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (command, done.stderr)


FILE_CASES: Final[dict[str, Case]] = {
    "foreign": try_foreign,
    "exif": try_exif,
    "video": try_video,
    "outputs": try_outputs,
}
