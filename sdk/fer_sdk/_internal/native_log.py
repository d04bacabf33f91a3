"""Capture of what C++ libraries write to stdout and stderr; they have no switch for it."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

_capture_lock = threading.RLock()


@dataclass(slots=True)
class NativeLog:
    """Captured text; empty until the block ends."""

    text: str = ""


@contextlib.contextmanager
def captured_native_log() -> Iterator[NativeLog]:
    """Redirect file descriptors 1 and 2 to a temporary file inside the block.

    The redirection applies to all threads of the process, so keep the block short. Exceptions are
    not affected.

    Yields:
        Object whose `text` holds the captured output after the block.
    """
    log = NativeLog()
    with _capture_lock, _unnamed_file() as file:
        sys.stdout.flush()
        sys.stderr.flush()
        kept = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
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
