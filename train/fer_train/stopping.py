"""When to stop training before its end."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequest:
    """True once a signal came or the time is up; asked after every step.

    Attributes:
        interrupted: Whether it was a signal.
    """

    def __init__(self, max_minutes: float | None) -> None:
        """Start the clock; None means no limit."""
        self._until = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        self.interrupted = False

    def __call__(self) -> bool:
        """Return whether to stop now."""
        late = self._until is not None and time.monotonic() > self._until
        return self.interrupted or late


@contextmanager
def stop_request(max_minutes: float | None) -> Iterator[StopRequest]:
    """Turn Ctrl-C and SIGTERM into a request, so that the step at hand is finished and saved.

    Args:
        max_minutes: Time limit; None means no limit.
    """
    request = StopRequest(max_minutes)

    def interrupt(number: int, frame: FrameType | None) -> None:
        request.interrupted = True

    handlers = {
        number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield request
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
