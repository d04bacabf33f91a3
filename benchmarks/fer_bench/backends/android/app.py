"""The demo app's own benchmark: it measures on the code path of an app and keeps raw values."""

import json
import tempfile
import time
from pathlib import Path
from typing import Final

from fer_bench.backends.android.device import Device
from fer_bench.results.schema import BenchmarkResult, read_json
from fer_sdk.errors import InputError, RuntimeFailure

PACKAGE: Final = "org.fersdk.demo"
ACTIVITY: Final = f"{PACKAGE}/.BenchmarkActivity"
RESULT: Final = f"/sdcard/Android/data/{PACKAGE}/files/benchmark.json"
RUNS: Final = 200
WAIT_S: Final = 600
POLL_S: Final = 1.0


def run_app(device: Device, *, wait_s: float = WAIT_S, poll_s: float = POLL_S) -> BenchmarkResult:
    """Start the app's benchmark of all its models and fetch its result.

    Args:
        device: With the app.
        wait_s: How long to wait for the result.
        poll_s: Pause between two looks.

    Raises:
        InputError: If the app is not installed, or its result is of another schema.
        RuntimeFailure: If adb fails or there is no result in time.
    """
    if f"package:{PACKAGE}" not in device.shell("pm", "list", "packages", PACKAGE).split():
        raise InputError(
            f"{PACKAGE} is not installed on {device.serial}: install android_demo, or name models "
            "to run LiteRT's benchmark_model"
        )
    device.shell("rm", "-f", RESULT)
    started = device.shell("am", "start", "-n", ACTIVITY, "--es", "models", "all",
                           "--ei", "runs", str(RUNS))  # fmt: skip
    if "Error" in started:
        raise RuntimeFailure(f"{ACTIVITY} did not start: {started.strip().splitlines()[-1]}")
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        if device.has(RESULT):
            text = device.shell("cat", RESULT)
            if _is_whole(text):
                return _read(text)
        time.sleep(poll_s)
    raise RuntimeFailure(f"{PACKAGE} wrote no result within {wait_s:.0f} s: look at the device")


def _is_whole(text: str) -> bool:
    """Return whether the app has finished writing."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _read(text: str) -> BenchmarkResult:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.json"
        path.write_text(text, encoding="utf-8")
        return read_json(path)
