"""Check of the files that a command will write, against what it reads and each other."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from fer_sdk._internal.files import is_dir
from fer_sdk.errors import InputError

_Identity: TypeAlias = tuple[int, int] | str


def check_outputs(
    outputs: Iterable[str | Path | None],
    inputs: Iterable[str | Path | None] = (),
    *,
    overwrite: bool = True,
) -> None:
    """Check the files of a command before it starts its work.

    Two paths are the same if they lead to the same file, also through symbolic or hard links.

    Args:
        outputs: Files that will be written; None for options that were not given.
        inputs: Files and folders that are read; missing ones are ignored.
        overwrite: Whether existing files may be replaced.

    Raises:
        InputError: If an output is one of the inputs, is another output or lies below one, is a
            folder, or exists and `overwrite` is not set.
    """
    written = [Path(path) for path in outputs if path is not None]
    if not written:
        return
    for path in written:
        if "\0" in str(path):
            raise InputError(f"no file can have the name {str(path)!r}: it holds a null byte")
    read = {}
    if any(path.exists() for path in written):
        read = {_identity(path): path for path in map(Path, _given(inputs))}
    taken: dict[_Identity, Path] = {}
    for path in written:
        identity = _identity(path)
        if identity in read:
            raise InputError(
                f"{path} is {_which(read[identity], path)}, which this command reads: choose "
                "another name"
            )
        if identity in taken:
            raise InputError(
                f"{taken[identity]} and {path} are the same file: choose another name for one"
            )
        if is_dir(path):
            raise InputError(f"{path} is a folder, but a file is to be written there: name a file")
        if path.exists() and not overwrite:
            raise InputError(f"{path} already exists: add --overwrite or choose another name")
        taken[identity] = path
    for path in written:
        # Path.resolve raises for a symbolic link to itself.
        for folder in map(_identity, Path(os.path.realpath(path)).parents):
            if folder in taken:
                raise InputError(
                    f"{path} would lie below {taken[folder]}, which is to be a file: "
                    "choose another name"
                )


def _which(read: Path, written: Path) -> str:
    return "an input" if str(read) == str(written) else f"the same file as {read}"


def _given(paths: Iterable[str | Path | None]) -> Iterable[str | Path]:
    return (path for path in paths if path is not None)


def _identity(path: Path) -> _Identity:
    """Return device and inode of an existing file, else its path without links."""
    try:
        found = path.stat()
        return found.st_dev, found.st_ino
    except (OSError, ValueError):  # ValueError: a null byte in the name
        return os.path.normcase(os.path.realpath(path))
