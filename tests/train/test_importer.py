import csv
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from tests.synthetic import write_csv

from fer_sdk.errors import InputError, OutputError
from fer_sdk.evaluation import fer2013
from fer_sdk.evaluation.fer2013 import USAGES, Fer2013
from fer_sdk.labels import FER2013_LABELS
from fer_train.cli.main import main
from fer_train.data.importer import FERPLUS_COLUMNS, import_fer2013, save


def write_folder(data: Fer2013, folder: Path) -> Path:
    """Write Kaggle's layout: train/angry/Training_12.png, test/angry/PublicTest_345.png."""
    for row, (face, emotion, usage) in enumerate(
        zip(data.pixels, data.emotion, data.usage, strict=True)
    ):
        place = folder / ("test" if usage else "train") / FER2013_LABELS[emotion]
        place.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(place / f"{USAGES[usage]}_{row}.png"), face)
    return folder


def same(one: Fer2013, other: Fer2013) -> bool:
    return one.fingerprint == other.fingerprint and bool(
        (one.duplicate_of == other.duplicate_of).all()
    )


def test_csv_is_imported_with_its_duplicates_and_blank_images(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    data = import_fer2013(write_csv(small_fer2013, tmp_path / "fer2013.csv"), partial=True)
    assert same(data, small_fer2013)
    assert np.flatnonzero(data.copied_from_training).tolist() == [140, 175]
    assert np.flatnonzero(data.blank).tolist() == [139]


def test_every_format_gives_the_same_arrays(small_fer2013: Fer2013, tmp_path: Path) -> None:
    plain = write_csv(small_fer2013, tmp_path / "fer2013.csv")
    spaced = write_csv(small_fer2013, tmp_path / "icml_face_data.csv", "emotion, Usage, pixels")
    zipped, tarred = tmp_path / "data.zip", tmp_path / "data.tar.gz"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(spaced, "icml_face_data.csv")
        archive.writestr("train.csv", "emotion,pixels\n")
    with tarfile.open(tarred, "w:gz") as tar:
        tar.add(plain, "fer2013/fer2013.csv")
    folder = write_folder(small_fer2013, tmp_path / "images")
    for source in (plain, spaced, zipped, tarred, folder):
        assert same(import_fer2013(source, partial=True), small_fer2013), source


def test_a_duplicate_refers_to_training_even_if_training_comes_later(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    data = small_fer2013
    order = np.argsort(-data.usage.astype(int), kind="stable")
    turned = Fer2013(
        data.pixels[order], data.emotion[order], data.usage[order],
        data.duplicate_of, data.ferplus_votes,
    )  # fmt: skip
    read = import_fer2013(write_csv(turned, tmp_path / "fer2013.csv"), partial=True)
    assert read.copied_from_training.sum() == 2
    assert (read.usage[read.duplicate_of[read.copied_from_training]] == 0).all()


def test_other_numbers_of_faces_need_partial(small_fer2013: Fer2013, tmp_path: Path) -> None:
    path = write_csv(small_fer2013, tmp_path / "fer2013.csv")
    with pytest.raises(InputError, match=r"Training must have .*3995.*--partial"):
        import_fer2013(path)


def damaged(edit: Callable[[list[str]], None]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        lines = path.read_text().splitlines()
        edit(lines)
        path.write_text("\n".join(lines))

    return write


def cut_line(lines: list[str]) -> None:
    lines[-1] = lines[-1][:3000]


def replace_in(number: int, old: str, new: str) -> Callable[[list[str]], None]:
    def edit(lines: list[str]) -> None:
        assert old in lines[number]
        lines[number] = lines[number].replace(old, new, 1)

    return edit


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (cut_line, "line 211: expected 3 fields, but got 2"),
        (replace_in(5, ",", ",7 "), "line 6: expected 2304 pixel values, but got 2305"),
        (replace_in(5, " ", " 2x"), "line 6: pixel values must be integers"),
        (replace_in(5, " ", " 9"), "line 6: pixel values must be"),
        (replace_in(9, "Training", "Train"), "line 10: Usage must be one of"),
        (replace_in(8, "0,", "9,"), "line 9: emotion must be 0 to 6, but is '9'"),
        (replace_in(0, "emotion", "label"), "line 1: expected the columns emotion, pixels, Usage"),
    ],
    ids=["truncated", "one pixel more", "no number", "level 900", "split", "label", "header"],
)
def test_an_invalid_line_is_named(
    edit: Callable[[list[str]], None], message: str, small_fer2013: Fer2013, tmp_path: Path
) -> None:
    data = small_fer2013
    data.pixels[4, 0, :2] = 99
    path = write_csv(data, tmp_path / "fer2013.csv")
    damaged(edit)(path)
    with pytest.raises(InputError, match=message):
        import_fer2013(path, partial=True)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\xff\xfe", b"emotion,pixels,Usage\n"])
def test_other_files_than_fer2013_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    path.write_bytes(content)
    with pytest.raises(InputError):
        import_fer2013(path, partial=True)


def test_truncated_archives_and_missing_files_are_refused(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    plain = write_csv(small_fer2013, tmp_path / "fer2013.csv")
    tarred = tmp_path / "data.tar.gz"
    with tarfile.open(tarred, "w:gz") as tar:
        tar.add(plain, "fer2013.csv")
    tarred.write_bytes(tarred.read_bytes()[:-20_000])
    with pytest.raises(InputError):
        import_fer2013(tarred, partial=True)
    with pytest.raises(InputError, match="no FER2013 at"):
        import_fer2013(tmp_path / "nothing.csv")
    zipped = tmp_path / "other.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")
    with pytest.raises(InputError, match=r"its csv files are \['a.csv', 'b.csv'\]"):
        import_fer2013(zipped)


def test_folders_train_val_and_test_determine_the_split(tmp_path: Path) -> None:
    for number, split in enumerate(("train", "val", "test")):
        face = tmp_path / split / "happy" / "face.png"
        face.parent.mkdir(parents=True)
        cv2.imwrite(str(face), np.full((48, 48), number, np.uint8))
    data = import_fer2013(tmp_path, partial=True)
    assert [USAGES[usage] for usage in data.usage] == ["Training", "PublicTest", "PrivateTest"]


def test_folders_with_unknown_splits_or_other_images_are_refused(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    folder = write_folder(small_fer2013, tmp_path / "images")
    unnamed = folder / "test" / "angry" / "im7.png"
    cv2.imwrite(str(unnamed), small_fer2013.pixels[0])
    with pytest.raises(InputError, match="cannot distinguish PublicTest from PrivateTest"):
        import_fer2013(folder, partial=True)
    unnamed.unlink()
    large = folder / "train" / "happy" / "Training_999.png"
    cv2.imwrite(str(large), np.zeros((50, 50), np.uint8))
    with pytest.raises(InputError, match=r"grey image of 48x48, but is uint8 \(50, 50\)"):
        import_fer2013(folder, partial=True)
    large.write_text("text")
    with pytest.raises(InputError, match="is not an image"):
        import_fer2013(folder, partial=True)
    large.unlink()
    (folder / "train" / "bored").mkdir()
    with pytest.raises(InputError, match="named after one of"):
        import_fer2013(folder, partial=True)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="contains none"):
        import_fer2013(tmp_path / "empty")


def write_votes(data: Fer2013, path: Path) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Usage", "Image name", *FERPLUS_COLUMNS])
        for row, usage in enumerate(data.usage):
            writer.writerow([USAGES[usage], f"fer{row:07}.png", row % 10, *[1] * 9])
    return path


def test_votes_are_joined_by_row(small_fer2013: Fer2013, tmp_path: Path) -> None:
    source = write_csv(small_fer2013, tmp_path / "fer2013.csv")
    votes = write_votes(small_fer2013, tmp_path / "fer2013new.csv")
    data = import_fer2013(source, ferplus=votes, partial=True)
    assert data.ferplus_votes[:, 0].tolist() == [row % 10 for row in range(210)]
    assert (data.ferplus_votes[:, 1:] == 1).all()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda lines: lines.pop(), "must have 210 rows, one per face, but has 209"),
        (replace_in(141, "PublicTest", "Training"), "line 142: Usage is 'Training'"),
        (replace_in(3, ",1", ",x"), "line 4: votes must be integers"),
        (replace_in(0, "NF", "none"), "line 1: expected the columns"),
    ],
    ids=["rows", "split", "number", "header"],
)
def test_votes_for_other_rows_are_refused(
    edit: Callable[[list[str]], None], message: str, small_fer2013: Fer2013, tmp_path: Path
) -> None:
    source = write_csv(small_fer2013, tmp_path / "fer2013.csv")
    votes = write_votes(small_fer2013, tmp_path / "fer2013new.csv")
    damaged(edit)(votes)
    with pytest.raises(InputError, match=message):
        import_fer2013(source, ferplus=votes, partial=True)


def test_votes_are_not_joined_to_images_of_unknown_order(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    folder = write_folder(small_fer2013, tmp_path / "images")
    votes = write_votes(small_fer2013, tmp_path / "fer2013new.csv")
    with pytest.raises(InputError, match="import the csv instead"):
        import_fer2013(folder, ferplus=votes, partial=True)


def test_the_command_prints_counts_and_writes_a_loadable_file(
    small_fer2013: Fer2013, tmp_path: Path
) -> None:
    source = write_csv(small_fer2013, tmp_path / "fer2013.csv")
    out = tmp_path / "out" / "fer2013.npz"
    words = ["import", str(source), "--out", str(out)]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 1
    assert len([li for li in refused.stderr.splitlines() if li.startswith("error: ")]) == 1
    assert not out.exists()
    done = CliRunner().invoke(main, [*words, "--partial"])
    assert done.exit_code == 0, done.output
    assert "210 rows" in done.stdout
    assert "35 PublicTest, 1 with an exact copy in Training" in done.stdout
    assert "1 blank images" in done.stdout
    assert fer2013.load(out).fingerprint == small_fer2013.fingerprint
    assert CliRunner().invoke(main, [*words, "--partial"]).exit_code == 1


def test_saving_into_a_file_as_folder_is_an_error(small_fer2013: Fer2013, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        save(small_fer2013, tmp_path / "file" / "out.npz")
