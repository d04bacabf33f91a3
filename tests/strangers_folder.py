"""A folder of mixed files as a stranger's disk holds them, and what commands must make of each.

    python -m tests.strangers_folder FOLDER --count 500

The files are small, also the huge ones: they are sparse.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from fer_sdk import read_photo

SAMPLE: Final = Path(__file__).parents[1] / "examples" / "eileen_collins.png"
HUGE_BYTES: Final = 3 << 30

Write = Callable[[Path, np.random.Generator], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entry in the folder.

    Attributes:
        name: Form of its name; {} is replaced by a number.
        write: Creates it.
        expected: "faces", "no face" or "error" for a photo; otherwise the reason for which
            `fer image` passes over it.
    """

    name: str
    write: Write
    expected: str


def _encoded(suffix: str, form: str = "face") -> bytes:
    photo = read_photo(SAMPLE)[40:200, 150:300]
    forms: dict[str, NDArray[Any]] = {
        "face": photo,
        "grey": photo[..., 0],
        "alpha": np.dstack([photo, photo[..., 0]]),
        "deep": photo.astype(np.uint16) * 257,
        "plain": np.full((90, 120, 3), 90, np.uint8),
        "dot": np.zeros((1, 1, 3), np.uint8),
    }
    data: bytes = cv2.imencode(suffix, forms[form])[1].tobytes()
    return data


def _photo(suffix: str, form: str = "face") -> Write:
    return lambda path, rng: _write(path, _encoded(suffix, form))


def _bytes(content: bytes) -> Write:
    return lambda path, rng: _write(path, content)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _truncated(path: Path, rng: np.random.Generator) -> None:
    data = _encoded(".jpg")
    path.write_bytes(data[: int(rng.integers(100, len(data) // 2))])


def _noise(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(b"noise" + rng.bytes(300))


def _huge(path: Path, rng: np.random.Generator) -> None:
    with path.open("wb") as file:
        file.write(_encoded(".jpg"))
        file.truncate(HUGE_BYTES)


def _huge_sides(path: Path, rng: np.random.Generator) -> None:
    data = bytearray(_encoded(".png"))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    path.write_bytes(data)


def _link(target: str) -> Write:
    return lambda path, rng: path.symlink_to(target)


def _link_to_photo(path: Path, rng: np.random.Generator) -> None:
    path.symlink_to(SAMPLE)


def _folder(path: Path, rng: np.random.Generator) -> None:
    path.mkdir()
    (path / "inside.jpg").write_bytes(_encoded(".jpg"))


def _pipe(path: Path, rng: np.random.Generator) -> None:
    os.mkfifo(path)


def _video(path: Path, rng: np.random.Generator) -> None:
    face = cv2.resize(read_photo(SAMPLE)[40:200, 150:300], (150, 160))
    code = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v"}[path.suffix]
    sink = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 12, (150, 160))
    for _ in range(6):
        sink.write(face)
    sink.release()


def _video_of_another_name(path: Path, rng: np.random.Generator) -> None:
    other = path.with_name("temporary.mp4")
    _video(other, rng)
    other.replace(path)


def _cut_video(path: Path, rng: np.random.Generator) -> None:
    _video(path, rng)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


HEIC: Final = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64)
KINDS: Final[tuple[Kind, ...]] = (
    Kind("a{}.jpg", _photo(".jpg"), "faces"),
    Kind("a{}.png", _photo(".png"), "faces"),
    Kind("B{}.JPG", _photo(".jpg"), "faces"),
    Kind("c{}.webp", _photo(".webp"), "faces"),
    Kind("d{}.bmp", _photo(".bmp"), "faces"),
    Kind("e{}.jfif", _photo(".jpg"), "faces"),
    Kind("f{}.jpe", _photo(".jpg"), "faces"),
    Kind("wrong suffix {}.jpg", _photo(".png"), "faces"),
    Kind("no suffix {}", _photo(".jpg"), "faces"),
    Kind("-dash{}.jpg", _photo(".jpg"), "faces"),
    Kind("line\nbreak{}.jpg", _photo(".jpg"), "faces"),
    Kind("bytes\udcff{}.jpg", _photo(".jpg"), "faces"),
    Kind("linked{}.png", _link_to_photo, "faces"),
    Kind("landscape{}.jpg", _photo(".jpg", "plain"), "no face"),
    Kind("grey{}.jpg", _photo(".jpg", "grey"), "error"),
    Kind("alpha{}.png", _photo(".png", "alpha"), "error"),
    Kind("deep{}.png", _photo(".png", "deep"), "error"),
    Kind("dot{}.png", _photo(".png", "dot"), "error"),
    Kind("truncated{}.jpg", _truncated, "error"),
    Kind("empty{}.jpg", _bytes(b""), "error"),
    Kind("page{}.jpg", _bytes(b"<html>not found</html>"), "error"),
    Kind("huge{}.jpg", _huge, "error"),
    Kind("sides{}.png", _huge_sides, "error"),
    Kind("dead link{}.jpg", _link("nowhere"), "error"),
    Kind("loop{}.jpg", _link("loop{}.jpg"), "error"),
    Kind("pipe{}.png", _pipe, "error"),
    Kind("phone{}.HEIC", _bytes(HEIC), "HEIC"),
    Kind("scan{}.tiff", _bytes(b"II*\0" + bytes(64)), "TIFF"),
    Kind("film{}.gif", _bytes(b"GIF89a" + bytes(64)), "GIF"),
    Kind("text{}.txt", _bytes(b"text"), "other files"),
    Kind("noise{}", _noise, "other files"),
    Kind("empty{}", _bytes(b""), "other files"),
    Kind("archive{}.zip", _bytes(b"PK\3\4" + bytes(64)), "other files"),
    Kind("clip{}.mp4", _video, "other files"),
    Kind("clip{}.avi", _video, "other files"),
    Kind("clip bytes\udcff{}.mp4", _video_of_another_name, "other files"),
    Kind("cut{}.mp4", _cut_video, "other files"),
    Kind("junk{}.mkv", _noise, "other files"),
    Kind("pipe{}", _pipe, "other files"),
    Kind("._a{}.jpg", _bytes(b"\0\5\x16\7"), "hidden"),
    Kind(".ipynb_checkpoints{}", _folder, "hidden"),
    Kind("album{}", _link("."), "links to folders"),
    Kind("a{}.fer.jpg", _photo(".jpg"), "annotated pictures of fer image"),
)


def make_folder(folder: Path, count: int, seed: int = 0) -> dict[Path, str]:
    """Fill a folder and folders below it.

    Args:
        folder: New folder.
        count: Number of entries; each kind occurs once before any occurs twice.
        seed: Seed of contents and places.

    Returns:
        What is expected of each entry, by its path.
    """
    rng = np.random.default_rng(seed)
    made = {}
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        place = folder / ("", "holidays", "holidays/2019", "Neuer Album (2)")[rng.integers(4)]
        place.mkdir(parents=True, exist_ok=True)
        path = place / kind.name.format(number)
        if kind.expected == "error" and "loop" in kind.name:
            path.symlink_to(path.name)
        else:
            kind.write(path, rng)
        made[path] = kind.expected
    return made


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--count", default=500, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(folder: Path, count: int, seed: int) -> None:
    """Create FOLDER and fill it."""
    click.echo(f"{len(make_folder(folder, count, seed))} entries in {folder}")


if __name__ == "__main__":
    main()
