"""Atomic writes, free disk space and hashes of files."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fer_sdk.errors import OutputError

MIN_FREE_BYTES: Final = 16_000_000
"""Free space at which writing a growing file stops: enough to complete a video with its index."""


@contextlib.contextmanager
def write_beside(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path` and rename it to `path` at the end.

    If the block raises, the temporary file is removed and `path` is unchanged.

    Args:
        path: Final path. Missing parent folders are created.

    Yields:
        Path in the same folder and with the same suffix; the caller writes the file.

    Raises:
        OutputError: If the folder cannot be created or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix
        )
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp gives access to the owner only
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def require_space(path: Path) -> None:
    """Check that a growing file can still be completed on its disk.

    Raises:
        OutputError: If less than `MIN_FREE_BYTES` are free.
    """
    free = shutil.disk_usage(path.parent).free
    if free < MIN_FREE_BYTES:
        raise OutputError(
            f"not enough disk space for {path}: {free / 1e6:.0f} MB free, "
            f"{MIN_FREE_BYTES / 1e6:.0f} MB needed"
        )


def is_file(path: str | Path) -> bool:
    """Return whether a regular file is there; False for a name that no file can have."""
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises for a name that is too long


def is_dir(path: str | Path) -> bool:
    """Return whether a folder is there; False for a name that no folder can have."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises for a name that is too long


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
