"""What C++ libraries write to stderr, caught: they announce delegates and have no switch for it."""

import contextlib
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass

_one_at_a_time = threading.RLock()


@dataclass(slots=True)
class NativeLog:
    """Text that native code wrote while it was caught; empty until the block ends."""

    text: str = ""


@contextlib.contextmanager
def caught_native_log() -> Iterator[NativeLog]:
    """Catch what native code writes to stderr; errors still come as exceptions.

    The whole process's stderr is caught meanwhile, other threads' too, so keep the block short.
    """
    log = NativeLog()
    with _one_at_a_time, tempfile.TemporaryFile() as file:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield log
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            log.text = file.read().decode(errors="replace")
