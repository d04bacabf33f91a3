"""The examples for devices and servers as processes, as their readers run them."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EDGE = ROOT / "examples" / "edge"
LIMIT_S = 60


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition; fail after `LIMIT_S`."""
    end_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < end_s, f"no {what} within {LIMIT_S} s"
        time.sleep(0.02)


def started(script: str, *words: object, **more: Any) -> subprocess.Popen[str]:
    """Start an example with its stderr in a pipe."""
    command = [sys.executable, str(EDGE / script), *map(str, words)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **more)
