"""Search for photos in folders."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Final

from fer_sdk.errors import InputError

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
