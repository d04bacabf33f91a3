"""Writing files so that a stop half-way leaves nothing under the final name."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fer_sdk.errors import OutputError

SPACE_LEFT_BYTES: Final = 16_000_000
"""What a disk must have left for a file that grows: enough to end a video with its index."""


@contextlib.contextmanager
def write_beside(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, renamed to `path` when the block ends well.

    Args:
        path: Final name. Its folder is created.

    Yields:
        A path in the same folder and with the same suffix, to be written by the caller.

    Raises:
        OutputError: If the folder cannot be created or written.
    """
    path = Path(path)
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
        temporary.chmod(0o666 & ~umask)  # mkstemp made it readable by its owner only
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def require_space(path: Path) -> None:
    """Refuse to go on writing a file shortly before its disk is full, while it can be ended well.

    Raises:
        OutputError: If less than `SPACE_LEFT_BYTES` are free.
    """
    free = shutil.disk_usage(path.parent).free
    if free < SPACE_LEFT_BYTES:
        raise OutputError(
            f"not enough disk space for {path}: {free / 1e6:.0f} MB free, "
            f"{SPACE_LEFT_BYTES / 1e6:.0f} MB needed"
        )


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
