"""Running a measured program in an interpreter of its own."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final

from fer_sdk.errors import RuntimeFailure

PEAK_MB: Final = """
def peak_mb():
    try:
        lines = open("/proc/self/status").readlines()
    except OSError:
        return None
    return [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")][0]
"""
"""Source of a function for measured programs: peak memory in MiB, None where /proc is missing."""


def run_fresh(program: Sequence[str]) -> dict[str, Any]:
    """Run Python with these words and return the JSON object on its last line.

    Raises:
        RuntimeFailure: If it fails, with the last line of what it said.
    """
    done = subprocess.run([sys.executable, *program], capture_output=True, text=True)
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeFailure(f"a measured process failed: {said[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
