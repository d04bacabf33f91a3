"""A connected Android device, reached through adb."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fer_sdk.errors import InputError, RuntimeFailure

_PROPERTIES: Final = {
    "manufacturer": "ro.product.manufacturer",
    "model": "ro.product.model",
    "android": "ro.build.version.release",
    "chip": "ro.soc.model",
    "abi": "ro.product.cpu.abi",
}


@dataclass(frozen=True, slots=True)
class Device:
    """A connected device; `connect` returns it.

    Attributes:
        adb: Path of the adb program.
        serial: Serial number as listed by `adb devices`.
    """

    adb: str
    serial: str

    def shell(self, *arguments: str) -> str:
        """Run a command on the device and return its output.

        Raises:
            RuntimeFailure: If the command fails, with the last line of its output.
        """
        return self._run(["shell", *arguments])

    def push(self, file: Path, target: str) -> None:
        """Copy a file to the device.

        Raises:
            RuntimeFailure: If adb fails.
        """
        self._run(["push", str(file), target])

    def has(self, path: str) -> bool:
        """Return whether a file exists on the device."""
        return self.shell(f"[ -e {path} ] && echo yes || echo no").strip() == "yes"

    def describe(self) -> dict[str, str]:
        """Return manufacturer, model, Android version, chip and ABI of the device."""
        return {name: self.shell("getprop", key).strip() for name, key in _PROPERTIES.items()}

    def _run(self, arguments: Sequence[str]) -> str:
        done = subprocess.run(
            [self.adb, "-s", self.serial, *arguments], capture_output=True, text=True
        )
        if done.returncode != 0:
            lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
            raise RuntimeFailure(f"adb {' '.join(arguments)} failed on {self.serial}: {lines[-1]}")
        return done.stdout


def connect(serial: str | None = None) -> Device:
    """Return a connected device.

    Args:
        serial: Serial number; None if only one device is connected.

    Raises:
        InputError: If adb is missing, no device is ready, or several are and none is named.
    """
    adb = shutil.which("adb")
    if adb is None:
        raise InputError("--android needs adb on PATH: install the Android platform tools")
    listed = subprocess.run([adb, "devices"], capture_output=True, text=True)
    if listed.returncode != 0:
        raise RuntimeFailure(f"adb devices failed: {' '.join(listed.stderr.split())}")
    states = dict(line.split("\t", 1) for line in listed.stdout.splitlines() if "\t" in line)
    ready = [name for name, state in states.items() if state.strip() == "device"]
    if serial is None:
        if len(ready) > 1:
            raise InputError(f"{len(ready)} Android devices: name one, as --android {ready[0]}")
        if not ready:
            found = ", ".join(f"{name} is {state.strip()}" for name, state in states.items())
            raise InputError(f"no Android device is ready ({found or 'none connected'}): connect "
                             "one with USB debugging allowed")  # fmt: skip
        serial = ready[0]
    if serial not in ready:
        state = states.get(serial, "not connected").strip()
        raise InputError(f"Android device {serial} is {state}; ready: {', '.join(ready) or 'none'}")
    return Device(adb, serial)
