import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray
from tests.command_line import run_command

from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.cli.main import main
from fer_sdk.inputs.images import read_photo


def fer(*words: object) -> Result:
    return run_command(main, *words)


def picture(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> Path:
    assert cv2.imwrite(str(path), pixels)
    return path


def test_image_labels_the_sample_and_writes_an_annotated_picture(
    sample_photo: Path, tmp_path: Path
) -> None:
    done = fer("image", sample_photo, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    first, second = done.stdout.splitlines()
    assert "happy" in first
    written = tmp_path / "eileen_collins.fer.jpg"
    assert second == str(written)
    assert [path.name for path in tmp_path.iterdir()] == [written.name]
    changed = read_photo(written).astype(int) - read_photo(sample_photo)
    assert abs(changed[63:66, 185:260]).mean() > 40  # the box's upper side
    assert abs(changed[300:]).mean() < 4


def test_json_is_one_object_with_all_scores(sample_photo: Path) -> None:
    done = fer("image", sample_photo, sample_photo, "--json")
    assert done.exit_code == 0
    result = json.loads(done.stdout)
    assert len(result["photos"]) == 2
    (face,) = result["photos"][0]["faces"]
    assert sum(face["scores"].values()) == pytest.approx(1, abs=1e-5)
    assert max(face["scores"], key=face["scores"].get) == face["label"] == "happy"
    assert set(face["landmarks"]) == {"right_eye", "left_eye", "nose", "mouth_right", "mouth_left"}


def test_a_picture_is_not_replaced_without_overwrite(sample_photo: Path, tmp_path: Path) -> None:
    assert fer("image", sample_photo, "--out", tmp_path).exit_code == 0
    again = fer("image", sample_photo, "--out", tmp_path)
    assert again.exit_code == 1
    assert "--overwrite" in again.stderr
    assert fer("image", sample_photo, "--out", tmp_path, "--overwrite").exit_code == 0


def test_damaged_photos_are_one_line_though_the_decoder_writes_its_own(
    sample_photo: Path, tmp_path: Path
) -> None:
    png, jpeg = tmp_path / "damaged.png", tmp_path / "damaged.jpg"
    data = bytearray(sample_photo.read_bytes())
    data[5000:5200] = bytes(200)
    png.write_bytes(data)
    data = bytearray(picture(jpeg, read_photo(sample_photo)).read_bytes())
    data[20_000:20_400] = bytes([255, 217, 7, 99]) * 100
    jpeg.write_bytes(data)
    for path in (png, jpeg):
        done = subprocess.run(
            [sys.executable, "-c", "from fer_sdk.cli.main import main; main()", "image", str(path)],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 1
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert f"{path} is a damaged" in line


def bad_photo(kind: str, folder: Path, sample: Path) -> list[object]:
    """Make one kind of bad input; returns the words after `fer image`."""
    photo = folder / "photo.jpg"
    pixels = read_photo(sample)
    if kind == "missing file":
        return [photo]
    if kind == "text named .jpg":
        photo.write_text("I am no photo\n")
    elif kind == "0 bytes":
        photo.write_bytes(b"")
    elif kind == "truncated photo":
        photo.write_bytes(sample.read_bytes()[:5000])
    elif kind == "folder":
        photo.mkdir()
    elif kind == "1x1":
        picture(photo, pixels[:1, :1])
    elif kind == "20,000 px wide":
        picture(photo, np.zeros((64, 20_000, 3), np.uint8))
    elif kind == "RGBA":
        photo = picture(folder / "photo.png", np.dstack([pixels, pixels[..., 0]]))
    elif kind == "grey":
        picture(photo, pixels[..., 1])
    elif kind == "16-bit":
        photo = picture(folder / "photo.png", pixels.astype(np.uint16) * 257)
    elif kind == "no face":
        picture(photo, np.full((200, 200, 3), 90, np.uint8))
    elif kind == "many faces":
        picture(photo, np.hstack([pixels, pixels, pixels]))
        return [photo, "--max-faces", 2]
    return [photo]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing file", "no photo at"),
        ("text named .jpg", "must be a JPEG, PNG, WebP or BMP file, but begins with b'I am no '"),
        ("0 bytes", "is empty"),
        ("truncated photo", "truncated"),
        ("folder", "no photo in"),
        ("1x1", "1x1 pixels"),
        ("20,000 px wide", "20000x64 pixels, but at most 16384 per side"),
        ("RGBA", "must be an 8-bit colour photo, but is 8-bit RGBA"),
        ("grey", "must be an 8-bit colour photo, but is 8-bit grey"),
        ("16-bit", "must be an 8-bit colour photo, but is 16-bit colour"),
        ("no face", "no face found"),
        ("many faces", "has 3 faces, but max_faces is 2"),
    ],
)
def test_bad_photo_gives_one_line_exit_code_1_and_leaves_nothing(
    kind: str, message: str, tmp_path: Path, sample_photo: Path
) -> None:
    out = tmp_path / "out"
    done = fer("image", *bad_photo(kind, tmp_path, sample_photo), "--out", out)
    assert done.exit_code == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert not out.exists()


def bad_model(kind: str, folder: Path, golden: Path) -> Path:
    name = "tiny-int8.tflite"
    for path in (golden / name, golden / f"{name}.json"):
        shutil.copy(path, folder)
    model = folder / name
    if kind == "missing model":
        model.unlink()
    elif kind == "truncated model":
        model.write_bytes(model.read_bytes()[:900])
    elif kind == "truncated model with a matching sidecar":
        bundle = ModelBundle.load(model)
        model.write_bytes(model.read_bytes()[:900])
        bundle.write_sidecar()
    elif kind == "sidecar of another model":
        shutil.copy(golden / "tiny-float32.tflite.json", folder / f"{name}.json")
    elif kind == "wrong label count":
        sidecar = folder / f"{name}.json"
        text = json.loads(sidecar.read_text())
        text["labels"].append("contempt")
        sidecar.write_text(json.dumps(text))
    return model


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing model", "no model"),
        ("truncated model", "truncated or changed"),
        ("truncated model with a matching sidecar", "is not a well-formed expression model"),
        ("sidecar of another model", "the sidecar belongs to another model"),
        ("wrong label count", "names 8 labels, but the model has 7 outputs"),
    ],
)
def test_bad_model_gives_one_line_exit_code_1_and_leaves_nothing(
    kind: str, message: str, tmp_path: Path, golden: Path, sample_photo: Path
) -> None:
    model, out = bad_model(kind, tmp_path, golden), tmp_path / "out"
    done = fer("image", sample_photo, "--model", model, "--out", out)
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert message in line
    assert not out.exists()


def test_good_photos_are_labelled_beside_bad_ones(sample_photo: Path, tmp_path: Path) -> None:
    done = fer("image", tmp_path / "nothing.jpg", sample_photo)
    assert done.exit_code == 1
    assert "happy" in done.stdout
    assert len(done.stderr.splitlines()) == 1


def test_photos_of_one_name_are_not_written_over_each_other(
    sample_photo: Path, tmp_path: Path
) -> None:
    shutil.copy(sample_photo, tmp_path)
    out = tmp_path / "out"
    done = fer("image", sample_photo, tmp_path / sample_photo.name, "--out", out)
    assert done.exit_code == 0
    assert {path.name for path in out.iterdir()} == {
        "eileen_collins.png.fer.jpg",
        "eileen_collins.png-2.fer.jpg",
    }


def test_grey_photo_is_labelled_when_conversion_is_asked_for(
    sample_photo: Path, tmp_path: Path
) -> None:
    grey = picture(tmp_path / "grey.png", read_photo(sample_photo)[..., 1])
    done = fer("image", grey, "--convert")
    assert done.exit_code == 0
    assert "happy" in done.stdout


@pytest.mark.parametrize("words", [["image"], ["image", "a.jpg", "--threads", "0"], ["nonsense"]])
def test_wrong_usage_is_exit_code_2(words: list[str]) -> None:
    assert fer(*words).exit_code == 2


def test_unwritable_folder_is_one_line(sample_photo: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = fer("image", sample_photo, "--out", tmp_path / "file" / "below")
    assert done.exit_code == 1
    assert "cannot write" in done.stderr
    assert len(done.stderr.splitlines()) == 1
