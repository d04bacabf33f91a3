"""Duration of each stage of a conversion."""

import contextlib
import time
from collections.abc import Callable, Iterator


class StageTimer:
    """Reports the start of each stage and records its duration.

    Attributes:
        seconds: Duration of each finished stage by name.
    """

    def __init__(self, on_stage: Callable[[str], None] = lambda stage: None) -> None:
        """Set the callback that receives the name of each stage when it starts."""
        self.seconds: dict[str, float] = {}
        self._on_stage = on_stage

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the enclosed block."""
        self._on_stage(name)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
