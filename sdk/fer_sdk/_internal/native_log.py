"""Capture of what C++ libraries write to stdout and stderr; they have no switch for it.

A library must not redirect the file descriptors of an application's process, because other threads
write there, too. So the capture is off until a command, whose process this package starts, calls
`own_descriptors`.
"""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

_capture_lock = threading.RLock()
_owned = threading.Event()


@dataclass(slots=True)
class NativeLog:
    """Captured text; empty until the block ends."""

    text: str = ""


def own_descriptors() -> None:
    """State that this process belongs to a command, and open closed standard streams.

    A closed descriptor 1 or 2 would be given to the next opened file, into which C++ libraries
    would then write their messages. Python sets the stream of a closed descriptor to None.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    _owned.set()


@contextlib.contextmanager
def captured_native_log(*, always: bool = False) -> Iterator[NativeLog]:
    """Redirect file descriptors 1 and 2 to a temporary file inside the block.

    Without `own_descriptors` before, nothing is redirected or captured. The redirection applies to
    all threads of the process, so keep the block short. Exceptions are not affected.

    Args:
        always: Capture in an application's process, too.

    Yields:
        Object whose `text` holds the captured output after the block.
    """
    log = NativeLog()
    if not (_owned.is_set() or always):
        yield log
        return
    with _capture_lock, _unnamed_file() as file:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError):  # None, or a full disk
                stream.flush()
        kept = {}
        for descriptor in (1, 2):
            with contextlib.suppress(OSError):  # closed
                kept[descriptor] = os.dup(descriptor)
        for descriptor in kept:
            os.dup2(file.fileno(), descriptor)
        try:
            yield log
        finally:
            for descriptor, copy in kept.items():
                os.dup2(copy, descriptor)
                os.close(copy)
            file.seek(0)
            log.text = file.read().decode(errors="replace")


def _unnamed_file() -> IO[bytes]:
    """Open a temporary file; in memory where supported, because the disk may be read-only."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("fer-native-log"), "w+b")
    return tempfile.TemporaryFile()
