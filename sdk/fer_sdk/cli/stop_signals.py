"""Stopping a long run on SIGINT (Ctrl-C), SIGTERM or SIGHUP (a closed terminal)."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that stop a command; Windows has no SIGHUP."""

STOPPED_EXIT_CODE: Final = 130
"""Exit code of a command stopped by Ctrl-C, as shells report it."""


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Record the first of `SIGNALS` instead of interrupting; a second one interrupts.

    A signal that is ignored, as SIGHUP under nohup, stays ignored.

    For use in the main thread.

    Yields:
        A function that returns whether a signal was received.
    """
    received = False

    def record(number: int, frame: FrameType | None) -> None:
        nonlocal received
        received = True
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {
        number: signal.signal(number, record)
        for number in SIGNALS
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield lambda: received
    finally:
        restore()


@contextlib.contextmanager
def interrupt_on_termination() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, so that temporary files are removed.

    By default they end a process at once. Handlers that were set before, and ignored signals, stay.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    changed = []
    if threading.current_thread() is threading.main_thread():  # else Python refuses handlers
        changed = [number for number in SIGNALS if signal.getsignal(number) == signal.SIG_DFL]
    for number in changed:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)
