"""When to stop training before its end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fer_sdk.cli.stop_signals import stop_signals


class StopRequest:
    """True once a signal came or the time is up; asked after every step."""

    def __init__(self, signalled: Callable[[], bool], max_minutes: float | None) -> None:
        """Start the clock; None means no limit."""
        self._signalled = signalled
        self._until = None if max_minutes is None else time.monotonic() + 60 * max_minutes

    @property
    def interrupted(self) -> bool:
        """Whether a signal came."""
        return self._signalled()

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
    with stop_signals() as signalled:
        yield StopRequest(signalled, max_minutes)
