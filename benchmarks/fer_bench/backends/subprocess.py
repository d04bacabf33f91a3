"""Running a measurement in a separate Python process."""

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
"""Source code of `peak_mb()`: the process's peak memory in MiB (VmHWM), None without /proc."""


def run_fresh(program: Sequence[str]) -> dict[str, Any]:
    """Run Python in a new process and return the JSON object on its last output line.

    Args:
        program: Command-line arguments of Python.

    Raises:
        RuntimeFailure: If the process fails, with the last line of its stderr.
    """
    done = subprocess.run([sys.executable, *program], capture_output=True, text=True)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeFailure(f"a measurement process failed: {lines[-1]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
