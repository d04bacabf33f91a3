"""The benchmark of the Android demo app, which measures with the app's own code."""

import json
import time
from typing import Any, Final

from fer_bench.backends.android.device import Device
from fer_sdk.errors import InputError, RuntimeFailure

PACKAGE: Final = "org.fersdk.demo"
ACTIVITY: Final = f"{PACKAGE}/.BenchmarkActivity"
RESULT: Final = f"/sdcard/Android/data/{PACKAGE}/files/benchmark.json"
SCHEMA: Final = 1
"""Of the app's JSON, written by `BenchmarkReport.kt`."""
RUNS: Final = 200
WAIT_S: Final = 600
POLL_S: Final = 1.0


def run_app(device: Device, *, wait_s: float = WAIT_S, poll_s: float = POLL_S) -> dict[str, Any]:
    """Start the app's benchmark of all its models and return its JSON result.

    Args:
        device: Device on which the app is installed.
        wait_s: Time limit for the result, in seconds.
        poll_s: Interval between two checks for the result, in seconds.

    Returns:
        The app's result: "schema", "device" and "models", each model with its raw times in
        "latency_ns" or with "error".

    Raises:
        InputError: If the app is not installed, or its result has another schema.
        RuntimeFailure: If adb fails, or there is no result within the time limit.
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
            result = _parse(device.shell("cat", RESULT))
            if result is not None:
                return result
        time.sleep(poll_s)
    raise RuntimeFailure(
        f"{PACKAGE} wrote no result within {wait_s:.0f} s: check the device's screen"
    )


def _parse(text: str) -> dict[str, Any] | None:
    """Return the result; None while the app is still writing it."""
    try:
        result: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    if result.get("schema") != SCHEMA:
        raise InputError(
            f"the result of {PACKAGE} must have schema {SCHEMA}, but has {result.get('schema')}: "
            "install the app of this version"
        )
    return result


def table(result: dict[str, Any]) -> str:
    """Return the app's result as text, one line per model and runtime."""
    columns = ("p50", "p90", "p99")
    lines = [f"{'ms':<30}{'runtime':<24}" + "".join(f"{name:>9}" for name in columns)]
    for row in result["models"]:
        times = "  " + row["error"] if "error" in row else "".join(
            f"{row[f'{name}_ms']:>9.3f}" for name in columns
        )  # fmt: skip
        lines.append(f"{row['model']:<30}{row['place']:<24}{times}")
    device = result["device"]
    lines.append(
        f"{PACKAGE}, {RUNS} inferences per model, on {device['manufacturer']} {device['model']}, "
        f"Android {device['android']}"
    )
    return "\n".join(lines)
