"""Taking turns: what native code does for one object must not run twice at once."""

import os
import threading
import weakref
from types import TracebackType


class Lock:
    """A lock for one object's native calls; free in a child process whatever the parent did.

    A forked child inherits a held lock, but not the thread that would release it.
    """

    def __init__(self) -> None:
        """Make the lock."""
        self._lock = threading.Lock()
        _all.add(self)

    def renew(self) -> None:
        """Free the lock; for a new process."""
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


if hasattr(os, "register_at_fork"):  # not on Windows, which cannot fork
    os.register_at_fork(after_in_child=_renew_all)
