"""Stopping a training run by signal or time limit."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fer_sdk.cli.stop_signals import stop_signals


class StopRequest:
    """Callable that returns True after a stop signal or when the time limit has passed."""

    def __init__(self, signalled: Callable[[], bool], max_minutes: float | None) -> None:
        """Start the time limit; None means no limit."""
        self._signalled = signalled
        self._until = None if max_minutes is None else time.monotonic() + 60 * max_minutes

    @property
    def interrupted(self) -> bool:
        """Whether a stop signal was received."""
        return self._signalled()

    def __call__(self) -> bool:
        """Return whether to stop."""
        late = self._until is not None and time.monotonic() > self._until
        return self.interrupted or late


@contextmanager
def stop_request(max_minutes: float | None) -> Iterator[StopRequest]:
    """Catch Ctrl-C and SIGTERM, so that the current step is finished and a checkpoint written.

    Args:
        max_minutes: Time limit in minutes; None means no limit.
    """
    with stop_signals() as signalled:
        yield StopRequest(signalled, max_minutes)
