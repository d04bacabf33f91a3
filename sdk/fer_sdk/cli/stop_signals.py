"""Stopping a long run between two steps on SIGINT (Ctrl-C) or SIGTERM."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Final

STOPPED_EXIT_CODE: Final = 130
"""Exit code of a command stopped by Ctrl-C, as shells report it."""


@contextlib.contextmanager
def stop_signals() -> Iterator[Callable[[], bool]]:
    """Record the first SIGINT or SIGTERM instead of interrupting; a second one interrupts.

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

    before = {number: signal.signal(number, record) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: received
    finally:
        restore()
