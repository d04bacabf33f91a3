from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from fer_sdk import InputError
from fer_sdk.evaluation import face_pack


def write_pack(path: Path, images: list[Any], **columns: Any) -> Path:
    encoded = [np.asarray(cv2.imencode(".png", image)[1]).ravel() for image in images]
    start = np.cumsum([0, *map(len, encoded)])
    np.savez(path, bytes=np.concatenate(encoded), start=start, **columns)
    return path


def test_the_margin_is_cut_off_and_the_face_shrunk_to_grey(tmp_path: Path) -> None:
    image = np.full((80, 80, 3), 255, np.uint8)
    image[8:72, 8:72] = (0, 0, 200)  # red in BGR: grey level 60
    path = write_pack(tmp_path / "pack.npz", [image, image], label=np.array([b"happy", b"sad"]))
    pack = face_pack.load(path)
    assert pack.pixels.shape == (2, 48, 48)
    assert (abs(pack.pixels.astype(int) - 60) <= 1).all()
    assert pack.column("label").tolist() == ["happy", "sad"]


def test_a_missing_column_names_those_that_are_there(tmp_path: Path) -> None:
    image = np.zeros((80, 80, 3), np.uint8)
    pack = face_pack.load(write_pack(tmp_path / "pack.npz", [image], id=np.array(["a"])))
    with pytest.raises(InputError, match="no column 'split': it has id"):
        pack.column("split")


def test_missing_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no face pack at"):
        face_pack.load(tmp_path / "nothing.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(InputError, match="is not a readable face pack"):
        face_pack.load(tmp_path / "text.npz")
    small = write_pack(tmp_path / "small.npz", [np.zeros((48, 48, 3), np.uint8)])
    with pytest.raises(InputError, match="80x80 pixels, but one is an image of 48x48"):
        face_pack.load(small)


def test_labels_splits_and_smiles_are_read(tmp_path: Path) -> None:
    path = write_pack(
        tmp_path / "pack.npz",
        [np.zeros((80, 80, 3), np.uint8)] * 3,
        label=np.array(["happiness", "anger", "fear"]),
        split=np.array(["fit", "report", "fit"]),
        blendshapes=np.array([[9, 254, 127], [9, 0, 0], [9, 255, 0]], np.uint8),
        blendshape_names=np.array(["jawOpen", "mouthSmileLeft", "mouthSmileRight"]),
    )
    pack = face_pack.load(path)
    assert pack.labels.tolist() == ["happy", "angry", "fear"]
    np.testing.assert_allclose(pack.column("smile"), [0.75, 0, np.nan])
    assert pack.subset("fit").labels.tolist() == ["happy", "fear"]
    assert len(pack.subset("fit").pixels) == 2
    with pytest.raises(InputError, match="no split 'val': it has fit, report"):
        pack.subset("val")
