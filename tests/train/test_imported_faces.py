from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from tests.synthetic import synthetic_faces

from fer_sdk import Face, InputError, Landmarks
from fer_sdk.evaluation.fer2013 import PRIVATE_TEST, PUBLIC_TEST, TRAINING, Fer2013
from fer_train.cli.main import main
from fer_train.data import imported_faces
from fer_train.data.importer import save as save_fer2013


class OneFace:
    """A detector that finds the same face in every image."""

    def detect(self, image_bgr: NDArray[np.uint8]) -> tuple[Face, ...]:
        points = Landmarks((30.0, 40.0), (70.0, 40.0), (50.0, 55.0), (40.0, 75.0), (60.0, 75.0))
        return (Face((20.0, 20.0, 80.0, 90.0), points, 0.9),)

    def close(self) -> None:
        pass


def pictures(count: int, side: int = 80) -> list[NDArray[np.uint8]]:
    """Smooth random pictures that differ from each other."""
    rng = np.random.default_rng(7)
    small = rng.integers(0, 256, (count, 8, 8, 3), np.uint8)
    return [np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
            for image in small]  # fmt: skip


def write_pack(path: Path, images: list[NDArray[np.uint8]], **columns: Any) -> Path:
    encoded = [np.asarray(cv2.imencode(".png", image)[1]).ravel() for image in images]
    start = np.cumsum([0, *map(len, encoded)])
    np.savez(path, bytes=np.concatenate(encoded), start=start, **columns)
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["import-faces", *map(str, words)])


def test_a_split_of_a_pack_is_imported_with_its_columns(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    save_fer2013(small_fer2013, tmp_path / "data.npz")
    pack = write_pack(
        tmp_path / "pack.npz",
        pictures(5),
        split=np.array(["train", "val", "train", "train", "val"]),
        age=np.arange(5),
    )
    out = tmp_path / "faces.npz"
    words = (pack, "--license", "CC BY 4.0", "--split", "train", "--data", tmp_path / "data.npz")
    done = run(*words, "--out", out)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == "3 faces, 0 near copies left out"
    faces = imported_faces.load(out)
    assert faces.pixels.shape == (3, 48, 48)
    assert faces.columns["age"].tolist() == [0, 2, 3]
    assert (faces.source, faces.license) == ("pack.npz", "CC BY 4.0")
    again = run(*words, "--out", out)
    assert again.exit_code == 1
    assert "already exists" in again.output
    missing = run(pack, "--license", "x", "--split", "test", "--data", tmp_path / "data.npz",
                  "--out", tmp_path / "other.npz")  # fmt: skip
    assert missing.exit_code == 1
    assert "has no split 'test': it has train, val" in missing.output
    assert not (tmp_path / "other.npz").exists()


def test_near_copies_of_test_faces_are_found_and_training_faces_are_not(
    small_fer2013: Fer2013,
) -> None:
    images = pictures(12, side=48)
    pixels = np.stack([image[..., 1] for image in images])
    usage = np.array([TRAINING] * 4 + [PUBLIC_TEST] * 4 + [PRIVATE_TEST] * 4, np.uint8)
    data = Fer2013(
        pixels=pixels,
        emotion=np.zeros(12, np.uint8),
        usage=usage,
        ferplus_votes=np.zeros((0, 10), np.uint8),
        duplicate_of=np.arange(12, dtype=np.int32),
    )
    darker = np.clip(pixels[4] * 0.6 + 20, 0, 255).astype(np.uint8)
    mirrored = np.ascontiguousarray(pixels[9][:, ::-1])
    encoded = cv2.imencode(".jpg", pixels[6], [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    jpeg = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
    turn = np.asarray(cv2.getRotationMatrix2D((23.5, 23.5), 2, 1.03), np.float64)
    turn[:, 2] += 0.5
    recut = np.asarray(
        cv2.warpAffine(pixels[8], turn, (48, 48), borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    flat = np.full((48, 48), 90, np.uint8)
    faces = np.stack([pixels[0], darker, mirrored, jpeg, recut, flat])
    expected = [False, True, True, True, True, False]
    assert imported_faces.near_copies(faces, data).tolist() == expected


def test_photos_are_cut_by_the_sdk_and_unreadable_ones_are_reported(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "inner").mkdir(parents=True)
    cv2.imwrite(str(folder / "inner" / "a.png"), pictures(1, side=120)[0])
    (folder / "broken.jpg").write_bytes(b"no photo")
    faces, failures = imported_faces.from_photos(folder, "own", OneFace())
    assert faces.pixels.shape == (1, 48, 48)
    assert faces.columns["photo"].tolist() == [str(Path("inner") / "a.png")]
    assert faces.columns["score"].tolist() == pytest.approx([0.9])
    assert len(failures) == 1
    assert "broken.jpg" in failures[0]


def test_imported_faces_survive_saving_and_damaged_files_are_refused(tmp_path: Path) -> None:
    pixels = np.asarray(synthetic_faces(6)[0], np.uint8)
    faces = imported_faces.ImportedFaces(pixels, {"age": np.arange(len(pixels))}, "a", "b")
    path = tmp_path / "faces.npz"
    imported_faces.save(faces, path)
    read = imported_faces.load(path)
    assert read.fingerprint == faces.fingerprint
    assert read.columns["age"].tolist() == list(range(len(pixels)))
    with pytest.raises(InputError, match="no faces at"):
        imported_faces.load(tmp_path / "nothing.npz")
    np.savez(path, pixels=pixels)
    with pytest.raises(InputError, match="not a readable file of imported faces"):
        imported_faces.load(path)
