"""Photos of folders, and their processing in this process or in several."""

import os
from collections.abc import Collection, Generator, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer_sdk._internal.files import is_dir
from fer_sdk.batch.processor import BatchSettings, PhotoProcessor, PhotoTask
from fer_sdk.errors import InputError, shown
from fer_sdk.inputs.file_kinds import READABLE, TO_CONVERT, kind_of_file
from fer_sdk.results import PhotoResult

PHOTO_SUFFIXES: Final = (".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".webp")
"""Files with these suffixes are photos; of others, the content decides."""

MAX_PROCESSES: Final = 256
"""Each loads the model and the detector, about 100 MB."""

OWN_SUFFIX: Final = ".fer.jpg"
"""End of the names of annotated pictures, which a later search of their folder passes over."""


@dataclass(frozen=True, slots=True)
class FolderContents:
    """What a search of a folder found.

    Attributes:
        photos: Paths of the photos, sorted by name.
        passed_over: Paths of everything else by reason, such as "HEIC" or "hidden".
    """

    photos: list[Path]
    passed_over: Mapping[str, list[Path]]

    def summary(self) -> str:
        """Return what was passed over in one line; empty if there is nothing."""
        reasons = [_counted(reason, paths) for reason, paths in sorted(self.passed_over.items())]
        advice = [
            f"convert {kind} by {TO_CONVERT[kind]}"
            for kind in sorted(self.passed_over)
            if kind in TO_CONVERT
        ]
        return "; ".join([", ".join(reasons), *advice]) if reasons else ""


def search_folder(folder: str | Path, *, skip: Collection[str | Path] = ()) -> FolderContents:
    """Return the photos of a folder and of all folders below it, and what is passed over.

    A file is a photo if its suffix is in `PHOTO_SUFFIXES` or its content is that of a JPEG, PNG,
    WebP or BMP file. Passed over are other files, hidden files and folders, links to folders,
    special files, and annotated pictures that `fer image` wrote.

    Args:
        folder: Folder to search.
        skip: Folders below it that are not searched.

    Raises:
        InputError: If there is no such folder.
    """
    if not is_dir(folder):
        raise InputError(f"no folder at {shown(folder)}")
    skipped = {os.path.realpath(path) for path in skip}
    photos: list[Path] = []
    others: dict[str, list[Path]] = {}
    for name, folders, files in os.walk(folder):
        searched = []
        for below in sorted(folders):
            path = Path(name) / below
            if os.path.realpath(path) in skipped:
                continue
            if below.startswith("."):
                others.setdefault("hidden", []).append(path)
            elif path.is_symlink():
                others.setdefault("links to folders", []).append(path)
            else:
                searched.append(below)
        folders[:] = searched
        for file in sorted(files):
            path = Path(name) / file
            reason = _passed_over(path)
            if reason is None:
                photos.append(path)
            else:
                others.setdefault(reason, []).append(path)
    return FolderContents(photos, others)


def find_photos(folder: str | Path, *, skip: Collection[str | Path] = ()) -> list[Path]:
    """Return the photos of a folder and of all folders below it, sorted by name.

    Args:
        folder: Folder to search, as `search_folder` does.
        skip: Folders below it that are not searched.

    Raises:
        InputError: If there is no such folder, or no photo in it.
    """
    found = search_folder(folder, skip=skip)
    if not found.photos:
        raise no_photo(folder, found)
    return found.photos


def no_photo(folder: str | Path, found: FolderContents) -> InputError:
    """Return the error for a folder without a photo."""
    rest = found.summary()
    return InputError(
        f"no photo in {folder}: there is no JPEG, PNG, WebP or BMP file"
        + (f"; passed over: {rest}" if rest else "")
    )


def _passed_over(path: Path) -> str | None:
    """Return why a file is no photo; None for a photo."""
    if path.name.startswith("."):
        return "hidden"
    if path.name.lower().endswith(OWN_SUFFIX):
        return "annotated pictures of fer image"
    if path.suffix.lower() in PHOTO_SUFFIXES:
        return None  # one that is something else is an error of that photo
    kind = kind_of_file(path)
    if kind in READABLE:
        return None
    return kind or "other files"


def _counted(reason: str, paths: list[Path], most: int = 3) -> str:
    names = [path.name.encode(errors="backslashreplace").decode() for path in paths[:most]]
    more = f" and {len(paths) - most} more" if len(paths) > most else ""
    return f"{len(paths)} {reason} ({', '.join(names)}{more})"


def process_photos(
    photos: Iterable[str | Path | PhotoTask],
    settings: BatchSettings | None = None,
    *,
    processes: int = 1,
) -> Generator[PhotoResult, None, None]:
    """Process photos; the results are yielded in the order of the photos.

    Args:
        photos: Paths, such as those of `find_photos`, or tasks.
        settings: Model and limits; None takes the defaults.
        processes: 1 to work in this process, or the number of processes to start. If a photo
            terminates its process, only that photo fails.

    Yields:
        One result per photo; `error` is set for a photo that failed.

    Raises:
        InputError: If `processes` is out of range.
        FerError: As `ExpressionRecognizer` does, before the first photo.
    """
    if not 1 <= processes <= MAX_PROCESSES:
        raise InputError(f"processes must be 1 to {MAX_PROCESSES}, but is {processes}")
    settings = settings or BatchSettings()
    tasks = (photo if isinstance(photo, PhotoTask) else PhotoTask(photo) for photo in photos)
    with PhotoProcessor(settings) as processor:
        if processes == 1:
            yield from map(processor.process, tasks)
            return
    from fer_sdk.batch.process_pool import process_in_pool

    yield from process_in_pool(tasks, settings, processes)
