"""`fer-convert check` and `adopt` for networks of another origin."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.convert.command import fer_convert
from tests.sdk.test_output_kind import Ending

from fer_convert import adopt
from fer_convert.foreign import missing_of
from fer_sdk import ExpressionClassifier, ModelBundle
from fer_sdk.bundles.inspect import Contents, Port
from fer_sdk.preprocess import FER2013_INPUT, PixelFormat
from fer_sdk.runtimes import open_session

NAMES = "red,green,blue,fourth,fifth"


@pytest.fixture
def foreign(golden: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(golden / "foreign-rgb.tflite", tmp_path / "net.tflite"))


@pytest.fixture
def grey(tiny_int8: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(tiny_int8, tmp_path / "grey.tflite"))


def test_check_names_what_a_foreign_file_lacks(foreign: Path) -> None:
    done = fer_convert("check", foreign, "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    (line,) = report["missing"]
    assert line.startswith("a sidecar: fer-convert adopt net.tflite")
    assert line.endswith("5 names")
    assert report["runtimes"]["litert"] == "loads"
    options = "--labels", NAMES, "--color", "rgb", "--pixels", "0..1", "--license", "MIT"
    assert fer_convert("adopt", foreign, *options).exit_code == 0
    assert json.loads(fer_convert("check", foreign, "--json").stdout)["missing"] == []


def test_files_of_other_kinds_are_named_with_their_conversion(tmp_path: Path) -> None:
    (tmp_path / "net.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(b"graph")
    for name, member in (("net.keras", "model.weights.h5"), ("net.pt", "archive/data.pkl")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, b"")
    for name, kind, way in (
        ("net.h5", "a Keras HDF5 file", "from_keras_model"),
        ("net.keras", "a Keras file", "from_keras_model"),
        ("saved", "a SavedModel", "from_saved_model"),
        ("net.pt", "a PyTorch file", "torch.onnx.export"),
    ):
        for command in (["check"], ["adopt", *_options("0..1")]):
            done = fer_convert(command[0], tmp_path / name, *command[1:])
            assert done.exit_code == 1
            (line,) = done.stderr.splitlines()
            assert f"{name} is {kind}: convert it" in line
            assert way in line


def _options(pixels: str, color: str = "rgb", labels: str = NAMES) -> list[str]:
    return ["--labels", labels, "--color", color, "--pixels", pixels, "--license", "MIT"]


@pytest.mark.parametrize(
    ("shape", "dtype", "end", "operators", "message"),
    [
        ((1, 48, 48, 2), "float32", (1, 7), (), "an input (batch, height, width, 1 or 3)"),
        ((1, 0, 0, 3), "float32", (1, 7), (), "a fixed height and width"),
        ((1, 3, 0, 0), "float32", (1, 7), (), "a fixed height and width"),
        ((1, 48, 48, 1), "int64", (1, 7), (), "input and output of float32, uint8, int8"),
        ((1, 48, 48, 1), "float32", (1, 7, 7), (), "an output (batch, classes)"),
        ((1, 48, 48, 1), "float32", (1, 7), ("GATHER", "CONV_2D"), "operators GATHER"),
    ],
)
def test_each_thing_that_is_missing_is_named(
    shape: tuple[int, ...],
    dtype: str,
    end: tuple[int, ...],
    operators: tuple[str, ...],
    message: str,
    tmp_path: Path,
) -> None:
    contents = Contents(
        (Port("face", dtype, shape, 0, 0),), (Port("out", "float32", end, 0, 0),),
        {}, dict.fromkeys(operators, 1), (), 0, 0,
    )  # fmt: skip
    first, last = missing_of(tmp_path / "net.tflite", contents, "", "no sidecar")
    assert first.startswith(message)
    assert last.startswith("a sidecar: fer-convert adopt")


def test_adopt_shows_predictions_and_writes_the_sidecar(foreign: Path, sample_photo: Path) -> None:
    options = [*_options("0..1"), "--zoom", "0.9", "--uncertain-below", "0.3"]
    done = fer_convert("adopt", foreign, *options, "--photo", sample_photo)
    assert done.exit_code == 0, done.output
    first, written = done.stdout.splitlines()
    assert first.startswith("eileen_collins.png, face 1: ")
    assert written.endswith("net.tflite.json: float32, outputs are probabilities, not calibrated")
    bundle = ModelBundle.load(foreign)
    assert bundle.labels == tuple(NAMES.split(","))
    assert (bundle.input.shape, bundle.input.pixels) == ((96, 96, 3), PixelFormat("rgb", "0..1"))
    assert (bundle.output, bundle.uncertain_below) == ("probabilities", 0.3)
    eyes = bundle.input.crop.left_eye[0] - bundle.input.crop.right_eye[0]
    assert eyes == pytest.approx(0.9 * 2 * 18.4, abs=0.02)
    with ExpressionClassifier.load(foreign) as classifier:
        (red,) = classifier.classify([np.full((9, 9, 3), (255, 0, 0), np.uint8)], color="rgb")
    assert red.label == "red"

    before = bundle.sidecar.read_bytes()
    refused = fer_convert("adopt", foreign, *_options("-1..1"))
    assert refused.exit_code == 1
    assert "already exists: add --overwrite" in refused.stderr
    assert bundle.sidecar.read_bytes() == before
    assert fer_convert("adopt", foreign, *_options("-1..1"), "--overwrite").exit_code == 0
    assert ModelBundle.load(foreign).input.pixels.range == "-1..1"


def test_an_int8_network_of_grey_levels_gets_the_sidecar_of_the_own(
    grey: Path, tiny_int8: Path
) -> None:
    own = ModelBundle.load(tiny_int8)
    done = fer_convert("adopt", grey, *_options("0..255", "grey", ",".join(own.labels)))
    assert done.exit_code == 0, done.output
    bundle = ModelBundle.load(grey)
    assert json.loads(bundle.sidecar.read_text())["schema"] == 1
    assert (bundle.precision, bundle.output) == ("int8", "logits")
    assert bundle.input == FER2013_INPUT


def test_what_does_not_fit_is_one_line_and_nothing_is_written(
    foreign: Path, grey: Path, tmp_path: Path, sample_photo: Path
) -> None:
    blank = tmp_path / "blank.png"
    from fer_sdk import write_picture

    write_picture(blank, np.zeros((64, 64, 3), np.uint8))
    before = sorted(tmp_path.iterdir())
    for words, message in (
        ((foreign, *_options("0..1", "grey")), "takes 3 channels, so its color cannot be grey"),
        ((foreign, *_options("0..1", labels="a,b")), "has 5 outputs, but 2 labels are given: a, b"),
        ((foreign, *_options("0..1", labels="a,a,b,c,d")), "labels must be at least two different"),
        ((foreign, *_options("imagenet", "grey")), "must be 'rgb' or 'bgr', not 'grey'"),
        ((foreign, *_options("0..1"), "--photo", blank), "no face found in"),
        ((foreign, *_options("0..1"), "--photo", tmp_path / "none.jpg"), "none.jpg"),
        ((grey, *_options("0..1", "grey", NAMES)), "must take pixels as 0 to 1"),
        ((tmp_path / "none.tflite", *_options("0..1")), "no model at"),
        ((sample_photo, *_options("0..1")), "must be a .tflite or .onnx file"),
    ):
        done = fer_convert("adopt", *words)
        assert done.exit_code == 1, done.output
        (line,) = done.stderr.splitlines()
        assert message in line
    assert sorted(tmp_path.iterdir()) == before


def test_a_sigmoid_is_refused(grey: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = "one,two,three,four,five,six,seven"
    done = fer_convert("adopt", grey, *_options("0..255", "grey", labels))
    assert done.exit_code == 0, done.output
    Path(f"{grey}.json").unlink()
    monkeypatch.setattr(
        adopt, "open_session", lambda *w, **n: Ending(open_session(*w, **n), "sigmoid")
    )
    refused = fer_convert("adopt", grey, *_options("0..255", "grey", labels))
    assert refused.exit_code == 1
    assert "ends in sigmoid" in refused.stderr
    assert not Path(f"{grey}.json").exists()


def test_the_same_label_for_every_face_is_told(foreign: Path) -> None:
    done = fer_convert("adopt", foreign, *_options("-1..1"))
    assert done.exit_code == 0, done.output
    labels = {line.partition(": ")[2].split()[0] for line in done.stdout.splitlines()[:-1]}
    told = "check --pixels, --color and --labels" in done.stderr
    assert told == (len(labels) == 1)
