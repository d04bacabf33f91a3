"""Processor, operating system and package versions, recorded with every measurement."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "fer-sdk",
    "tensorflow",
    "keras",
    "ai-edge-litert",
    "onnxruntime",
    "tflite-runtime",
    "numpy",
    "opencv-python",
)


def describe_environment() -> dict[str, str]:
    """Return processor, cores, operating system and package versions, each as text by name."""
    environment = {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            environment[package] = version(package)
        except PackageNotFoundError:
            environment[package] = "not installed"
    return environment


def _processor() -> str:
    """Return the processor's name, on Linux from /proc/cpuinfo."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
