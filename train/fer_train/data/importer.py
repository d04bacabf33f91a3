"""Import of FER2013 from its published formats.

Formats: fer2013.csv; icml_face_data.csv, whose column names contain spaces; a .zip or .tar.gz with
one of them; or a folder of images, `train/angry/*.png` and `test/angry/*.png`. If the file names do
not distinguish PublicTest from PrivateTest, `val/angry/*.png` is PublicTest.
"""

import csv
import io
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import is_dir, is_file, write_beside
from fer_sdk.errors import InputError, shown
from fer_sdk.evaluation.fer2013 import OFFICIAL_COUNTS, SIDE, TRAINING, USAGES, Fer2013
from fer_sdk.labels import FER2013_LABELS, FERPLUS_LABELS, LABEL_FOLDERS

Progress = Callable[[int], None]
"""Called with the number of rows that were read since the last call."""

Note = Callable[[str], None]
"""Called with a line for the user."""

KNOWN_CSV_NAMES: Final = ("fer2013.csv", "icml_face_data.csv")
COLUMNS: Final = {"emotion", "pixels", "Usage"}
FERPLUS_COLUMNS: Final = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt",
    "unknown", "NF",
)  # fmt: skip
SPLIT_FOLDERS: Final = {
    "train": "Training",
    "training": "Training",
    "publictest": "PublicTest",
    "val": "PublicTest",
    "validation": "PublicTest",
    "privatetest": "PrivateTest",
}
IMAGE_SUFFIXES: Final = {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp"}

Rows = tuple[list[NDArray[np.uint8]], list[int], list[int]]
"""Pixels, emotion and usage of each row."""


def import_fer2013(
    source: Path,
    *,
    ferplus: Path | None = None,
    partial: bool = False,
    progress: Progress = lambda rows: None,
    note: Note = lambda line: None,
) -> Fer2013:
    """Read and check FER2013 in any of its formats.

    Args:
        source: csv, zip, tar.gz or folder, as in the module's docstring.
        ferplus: fer2013new.csv of FER+, joined by row number.
        partial: Accept other numbers of rows than the official ones.
        progress: Called with the number of rows that were read.
        note: Called with a line that says which files of a folder were passed over.

    Raises:
        InputError: If the data is missing, truncated or invalid; the message names line or file.
    """
    if is_dir(source):
        pixels, emotion, usage = _read_folder(source, progress, note)
    elif is_file(source):
        with _open_csv(source) as (stream, name):
            pixels, emotion, usage = _read_csv(stream, name, progress)
    else:
        raise InputError(
            f"no FER2013 at {shown(source)}: expected fer2013.csv, an archive or a folder"
        )
    if not pixels:
        raise InputError(f"{source} contains a header but no rows")
    data = Fer2013(
        pixels=np.stack(pixels),
        emotion=np.array(emotion, np.uint8),
        usage=np.array(usage, np.uint8),
        duplicate_of=_find_duplicates(pixels, usage),
        ferplus_votes=np.zeros((0, len(FERPLUS_LABELS)), np.uint8),
    )
    if not partial:
        _check_counts(data, source)
    if ferplus is None:
        return data
    if source.is_dir() and not data.is_official:
        raise InputError(
            f"FER+ votes join by the row of the official csv, but the images in {source} are not "
            "its rows in its order: import the csv instead"
        )
    votes = _read_ferplus(ferplus, data.usage)
    return Fer2013(data.pixels, data.emotion, data.usage, data.duplicate_of, votes)


def save(data: Fer2013, path: Path) -> None:
    """Write `data` to one compressed .npz, which `fer_sdk.evaluation.fer2013.load` reads."""
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file,
            pixels=data.pixels,
            emotion=data.emotion,
            usage=data.usage,
            duplicate_of=data.duplicate_of,
            ferplus_votes=data.ferplus_votes,
        )


@contextmanager
def _open_csv(source: Path) -> Iterator[tuple[IO[str], str]]:
    """Open a csv, or the csv in an archive; yield the stream and its name."""
    try:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                member = _choose_member([n for n in archive.namelist() if _is_csv(n)], source)
                with archive.open(member) as raw:
                    yield io.TextIOWrapper(raw, "utf-8-sig", newline=""), f"{source}:{member}"
        elif tarfile.is_tarfile(source):
            with tarfile.open(source) as archive:
                names = [m.name for m in archive.getmembers() if m.isfile() and _is_csv(m.name)]
                member = _choose_member(names, source)
                raw_member = archive.extractfile(member)
                if raw_member is None:
                    raise InputError(f"{member} in {source} is not a file")
                with raw_member as raw:
                    yield io.TextIOWrapper(raw, "utf-8-sig", newline=""), f"{source}:{member}"
        else:
            with source.open(encoding="utf-8-sig", newline="") as stream:
                yield stream, str(source)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"{source} is truncated or damaged: {error}") from error


def _is_csv(name: str) -> bool:
    return name.lower().endswith(".csv") and not Path(name).name.startswith(".")


def _choose_member(names: list[str], source: Path) -> str:
    for known in KNOWN_CSV_NAMES:
        matches = [name for name in names if Path(name).name == known]
        if len(matches) == 1:
            return matches[0]
    if len(names) == 1:
        return names[0]
    raise InputError(
        f"{source} must contain {' or '.join(KNOWN_CSV_NAMES)}, but its csv files are {names}"
    )


def _read_csv(stream: IO[str], name: str, progress: Progress) -> Rows:
    reader = csv.reader(stream)
    try:
        header = [column.strip() for column in next(reader)]
    except (StopIteration, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{name} line 1: expected a csv header, but got other data") from error
    if not set(header) >= COLUMNS:
        raise InputError(
            f"{name} line 1: expected the columns emotion, pixels, Usage, but got {shown(header)}"
        )
    at_emotion, at_pixels, at_usage = (header.index(c) for c in ("emotion", "pixels", "Usage"))
    pixels: list[NDArray[np.uint8]] = []
    emotion: list[int] = []
    usage: list[int] = []
    try:
        for row in filter(None, reader):  # a blank line has no fields
            where = f"{name} line {reader.line_num}"
            if len(row) != len(header):
                raise InputError(f"{where}: expected {len(header)} fields, but got {len(row)}")
            emotion.append(_emotion(row[at_emotion].strip(), where))
            usage.append(_usage(row[at_usage].strip(), where))
            pixels.append(_pixels(row[at_pixels], where))
            progress(1)
    except UnicodeDecodeError as error:
        raise InputError(f"{name} line {reader.line_num + 1}: not UTF-8 text") from error
    except csv.Error as error:
        raise InputError(f"{name} line {reader.line_num}: {error}") from error
    return pixels, emotion, usage


def _emotion(text: str, where: str) -> int:
    if text not in {"0", "1", "2", "3", "4", "5", "6"}:
        raise InputError(f"{where}: emotion must be 0 to 6, but is {text[:20]!r}")
    return int(text)


def _usage(text: str, where: str) -> int:
    if text not in USAGES:
        raise InputError(f"{where}: Usage must be one of {USAGES}, but is {text[:20]!r}")
    return USAGES.index(text)


def _pixels(text: str, where: str) -> NDArray[np.uint8]:
    words = text.split()
    if len(words) != SIDE * SIDE:
        raise InputError(f"{where}: expected {SIDE * SIDE} pixel values, but got {len(words)}")
    try:
        values = np.fromiter(map(int, words), np.int64, len(words))
    except ValueError as error:
        raise InputError(f"{where}: pixel values must be integers: {shown(error)}") from error
    if values.min() < 0 or values.max() > 255:
        raise InputError(
            f"{where}: pixel values must be 0 to 255, but reach {values.min()} to {values.max()}"
        )
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def _read_folder(source: Path, progress: Progress, note: Note) -> Rows:
    """Read `split/label/image` files, sorted by split, number in the file name, and path."""
    found: list[tuple[int, int, str, int, Path]] = []
    others: list[Path] = []
    splits = _folders(source, others)
    usages = {_key(p): SPLIT_FOLDERS[_key(p)] for p in splits if _key(p) in SPLIT_FOLDERS}
    if "PublicTest" in usages.values():
        usages["test"] = "PrivateTest"
    for split in splits:
        for folder in _folders(split, others):
            if folder.name.lower() not in LABEL_FOLDERS:
                raise InputError(f"{folder}: expected a folder named after one of {FER2013_LABELS}")
            for path in sorted(folder.iterdir()):
                if path.name.startswith(".") or path.suffix.lower() not in IMAGE_SUFFIXES:
                    others.append(path)
                else:
                    numbers = re.findall(r"\d+", path.stem)
                    found.append(
                        (
                            _usage_of(path, usages.get(_key(split))),
                            int(numbers[-1]) if numbers else 0,
                            str(path),
                            LABEL_FOLDERS[folder.name.lower()],
                            path,
                        )
                    )
    if not found:
        raise InputError(
            f"{source} must contain train/angry/*.png and test/angry/*.png, but contains none"
        )
    if others:
        names = ", ".join(str(path.relative_to(source)) for path in others[:3])
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        note(f"passed over: {names}{more}")
    found.sort()
    pixels = []
    for _, _, _, _, path in found:
        pixels.append(_read_face(path))
        progress(1)
    return pixels, [label for _, _, _, label, _ in found], [usage for usage, *_ in found]


def _folders(source: Path, others: list[Path]) -> list[Path]:
    """Return the folders in a folder; hidden ones are added to `others`."""
    folders = sorted(path for path in source.iterdir() if path.is_dir())
    others += [path for path in folders if path.name.startswith(".")]
    return [path for path in folders if not path.name.startswith(".")]


def _key(split: Path) -> str:
    return split.name.lower().replace("_", "").replace("-", "")


def _usage_of(path: Path, of_folder: str | None) -> int:
    """Return the split by the prefix of the file name, as in Kaggle's export, or by the folder."""
    for number, usage in enumerate(USAGES):
        if path.name.startswith(usage):
            return number
    if of_folder is None:
        raise InputError(
            f"{path}: cannot distinguish PublicTest from PrivateTest: name the files "
            "PublicTest_*.png and PrivateTest_*.png, or the folders train, val and test"
        )
    return USAGES.index(of_folder)


def _read_face(path: Path) -> NDArray[np.uint8]:
    face = cv2.imdecode(np.frombuffer(path.read_bytes() or b"\0", np.uint8), cv2.IMREAD_UNCHANGED)
    if face is None:
        raise InputError(f"{path} is not an image that OpenCV can read")
    if face.ndim == 3 and face.shape[2] == 3 and (np.ptp(face, axis=2) == 0).all():
        face = face[..., 0]
    if face.dtype != np.uint8 or face.shape != (SIDE, SIDE):
        raise InputError(
            f"{path} must be an 8-bit grey image of {SIDE}x{SIDE}, but is {face.dtype} {face.shape}"
        )
    return np.asarray(face, np.uint8)


def _find_duplicates(pixels: list[NDArray[np.uint8]], usage: list[int]) -> NDArray[np.int32]:
    """Return for each row the first row with the same pixels, preferring Training rows."""
    first: dict[bytes, int] = {}
    keys = [face.tobytes() for face in pixels]
    for training in (True, False):
        for row, key in enumerate(keys):
            if (usage[row] == TRAINING) is training:
                first.setdefault(key, row)
    return np.array([first[key] for key in keys], np.int32)


def _check_counts(data: Fer2013, source: Path) -> None:
    for number, usage in enumerate(USAGES):
        labels = data.emotion[data.usage == number]
        counts = tuple(np.bincount(labels, minlength=len(FER2013_LABELS)).tolist())
        if counts != OFFICIAL_COUNTS[usage]:
            raise InputError(
                f"{source}: {usage} must have {OFFICIAL_COUNTS[usage]} faces per class "
                f"(sum {sum(OFFICIAL_COUNTS[usage])}), but has {counts} (sum {sum(counts)}); "
                f"the last row is row {len(data.emotion)}. The file may be truncated; use "
                "--partial for other data sets"
            )


def _read_ferplus(path: Path, usage: NDArray[np.uint8]) -> NDArray[np.uint8]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read FER+ votes from {path}: {error}") from error
    if not rows or not set(rows[0]) >= {*FERPLUS_COLUMNS, "Usage"}:
        raise InputError(f"{path} line 1: expected the columns Usage, {', '.join(FERPLUS_COLUMNS)}")
    if len(rows) != len(usage):
        raise InputError(f"{path} must have {len(usage)} rows, one per face, but has {len(rows)}")
    votes = np.zeros((len(rows), len(FERPLUS_COLUMNS)), np.uint8)
    for line, (row, expected) in enumerate(zip(rows, usage, strict=True), start=2):
        if row["Usage"] != USAGES[expected]:
            raise InputError(
                f"{path} line {line}: Usage is {shown(row['Usage'])!r}, "
                f"but that face is {USAGES[expected]}"
            )
        try:
            votes[line - 2] = [int(row[column]) for column in FERPLUS_COLUMNS]
        except (ValueError, TypeError, OverflowError) as error:
            raise InputError(f"{path} line {line}: votes must be integers from 0 to 255") from error
    return votes
