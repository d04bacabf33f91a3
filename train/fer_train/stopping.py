"""When to stop training before its end."""

import signal
import time
from types import FrameType, TracebackType


class StopRequest:
    """True once Ctrl-C or SIGTERM came or the time is up; asked after every step.

    In its `with` block a signal does not end the program, so that the step at hand is finished and
    saved.
    """

    def __init__(self, max_minutes: float | None) -> None:
        """Start the clock; None means no limit."""
        self._until = None if max_minutes is None else time.monotonic() + 60 * max_minutes
        self.interrupted = False

    def __call__(self) -> bool:
        """Return whether to stop now."""
        late = self._until is not None and time.monotonic() > self._until
        return self.interrupted or late

    def __enter__(self) -> "StopRequest":
        self._handlers = {
            number: signal.signal(number, self._interrupt)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
