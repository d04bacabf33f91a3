"""What C++ libraries print, caught: they announce delegates and have no switch for it."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

_one_at_a_time = threading.RLock()


@dataclass(slots=True)
class NativeLog:
    """Text that native code wrote while it was caught; empty until the block ends."""

    text: str = ""


@contextlib.contextmanager
def captured_native_log() -> Iterator[NativeLog]:
    """Catch what native code writes to stdout and stderr; errors still come as exceptions.

    The whole process's output is caught meanwhile, other threads' too, so keep the block short.
    """
    log = NativeLog()
    with _one_at_a_time, _file_without_name() as file:
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


def _file_without_name() -> IO[bytes]:
    """Open a file that no folder holds, in memory where the system can: a disk may be read-only."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("fer-native-log"), "w+b")
    return tempfile.TemporaryFile()
