"""Data for a machine that takes a limited amount with each command.

`pack` writes files into one archive and cuts it into parts; `unpack` collects the parts on the
other machine and restores the files when the last one is there. Grey faces are stored as
differences between neighbours, which compress to .56 (FairFace) to .70 (FER2013) of the pixels.
"""

import io
import zipfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer_sdk._internal.files import write_beside
from fer_sdk.errors import InputError

_FACES: Final = ".differences"
_ZERO: Final = np.uint8(0)


def pack(files: Sequence[Path], out: Path, part_bytes: int) -> list[Path]:
    """Write files into the folders `part-1`, `part-2` ... of `out`.

    Args:
        files: .npz files, whose arrays are compressed, and others, which are stored.
        out: Folder; parts of an earlier call are removed.
        part_bytes: Most bytes in one part.

    Returns:
        The folders, one for each command.

    Raises:
        InputError: If a file is missing.
    """
    for path in files:
        if not path.is_file():
            raise InputError(f"no file at {path} to pack")
    for old in out.glob("part-*/*"):
        old.unlink()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        for path in files:
            _pack_file(archive, path)
    content = buffer.getvalue()
    count = -(-len(content) // part_bytes)
    size = -(-len(content) // count)
    name = f"{sha256(content).hexdigest()[:16]}.{count}"
    for number in range(count):
        part = content[number * size : (number + 1) * size]
        with write_beside(out / f"part-{number + 1}" / f"{name}.{number + 1}") as temporary:
            temporary.write_bytes(part)
    return [out / f"part-{number + 1}" for number in range(count)]


def unpack(part: Path, data: Path) -> str:
    """Take a part; with the last one, restore the files.

    Args:
        part: Folder of one part.
        data: Folder of the restored files; it keeps the parts until all are there.

    Returns:
        One line that states which parts or files are there.

    Raises:
        InputError: If the folder holds no part, or the parts are damaged.
    """
    found = [path for path in part.glob("*.*.*") if path.is_file()]
    if len(found) != 1:
        raise InputError(f"{part} holds {len(found)} parts of packed data, expected one")
    digest, count, _ = found[0].name.split(".")
    waiting = data / ".parts"
    with write_beside(waiting / found[0].name) as temporary:
        temporary.write_bytes(found[0].read_bytes())
    paths = [waiting / f"{digest}.{count}.{number + 1}" for number in range(int(count))]
    missing = [path.name.rpartition(".")[2] for path in paths if not path.exists()]
    if missing:
        return f"part {found[0].suffix[1:]} of {count}; missing: {', '.join(missing)}"
    content = b"".join(path.read_bytes() for path in paths)
    for path in paths:
        path.unlink()
    if sha256(content).hexdigest()[:16] != digest:
        raise InputError(f"the {count} parts in {waiting} are damaged: carry all of them again")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return f"unpacked {', '.join(_restore(archive, data))}"


def _pack_file(archive: zipfile.ZipFile, path: Path) -> None:
    if path.suffix != ".npz":
        archive.write(path, path.name, zipfile.ZIP_STORED)
        return
    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays.files:
            array = arrays[name]
            if faces := array.dtype == np.uint8 and array.ndim == 3:
                array = np.diff(np.diff(array, axis=1, prepend=_ZERO), axis=2, prepend=_ZERO)
            with archive.open(f"{path.name}/{name}{_FACES if faces else ''}", "w") as file:
                np.save(file, array)


def _restore(archive: zipfile.ZipFile, data: Path) -> list[str]:
    files: dict[str, dict[str, Any]] = {}
    for member in archive.namelist():
        name, _, array = member.partition("/")
        with archive.open(member) as file:
            if not array:
                with write_beside(data / name) as temporary:
                    temporary.write_bytes(file.read())
            values = np.load(file, allow_pickle=False) if array else None
        if array.endswith(_FACES) and values is not None:
            values = values.cumsum(axis=1, dtype=np.uint8).cumsum(axis=2, dtype=np.uint8)
        files.setdefault(name, {})
        if array:
            files[name][array.removesuffix(_FACES)] = values
    for name, arrays in files.items():
        if arrays:
            with write_beside(data / name) as temporary, temporary.open("wb") as file:
                np.savez(file, **arrays)
    return list(files)
