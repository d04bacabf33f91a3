"""Photos of folders, and their processing in this process or in several."""

import os
from collections.abc import Collection, Generator, Iterable
from pathlib import Path
from typing import Final

from fer_sdk.batch.processor import BatchSettings, PhotoProcessor, PhotoTask
from fer_sdk.errors import InputError
from fer_sdk.results import PhotoResult

PHOTO_SUFFIXES: Final = (".bmp", ".jpeg", ".jpg", ".png", ".webp")


def find_photos(folder: str | Path, *, skip: Collection[str | Path] = ()) -> list[Path]:
    """Return the photos of a folder and of all folders below it, sorted by name.

    Args:
        folder: Folder to search. Hidden files and other suffixes than .bmp, .jpeg, .jpg, .png and
            .webp are ignored.
        skip: Folders below it that are not searched.

    Raises:
        InputError: If there is no such folder, or no photo in it.
    """
    if not Path(folder).is_dir():
        raise InputError(f"no folder at {folder}")
    skipped = {Path(path).resolve() for path in skip}
    found = []
    for name, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if (Path(name) / f).resolve() not in skipped)
        found += [
            Path(name) / file
            for file in sorted(files)
            if Path(file).suffix.lower() in PHOTO_SUFFIXES and not file.startswith(".")
        ]
    if not found:
        raise InputError(f"no photo in {folder}: none is named {', '.join(PHOTO_SUFFIXES)}")
    return found


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
        FerError: As `ExpressionRecognizer` does, before the first photo.
    """
    settings = settings or BatchSettings()
    tasks = (photo if isinstance(photo, PhotoTask) else PhotoTask(photo) for photo in photos)
    with PhotoProcessor(settings) as processor:
        if processes == 1:
            yield from map(processor.process, tasks)
            return
    from fer_sdk.batch.process_pool import process_in_pool

    yield from process_in_pool(tasks, settings, processes)
