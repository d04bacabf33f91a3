"""Mutual exclusion for native code that is not thread-safe."""

import os
import threading
import weakref
from types import TracebackType


class Lock:
    """Lock for the native calls of one object; released in a forked child process.

    A child process inherits a locked lock, but not the thread that would release it.
    """

    def __init__(self) -> None:
        """Create an unlocked lock."""
        self._lock = threading.Lock()
        _all.add(self)

    def renew(self) -> None:
        """Replace the lock by an unlocked one; called in a forked child process."""
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()


_all: "weakref.WeakSet[Lock]" = weakref.WeakSet()


def _renew_all() -> None:
    for lock in _all:
        lock.renew()


if hasattr(os, "register_at_fork"):  # absent on Windows
    os.register_at_fork(after_in_child=_renew_all)
