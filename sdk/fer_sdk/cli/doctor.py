"""`fer doctor`: what is installed, what is missing and how to install it."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import click

from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.opencv import installed_opencv
from fer_sdk.bundles.registry import shipped_models

PROBE_SECONDS: Final = 60

_PROBE: Final = """
import sys
from pathlib import Path
import numpy as np
from fer_sdk.errors import FerError
from fer_sdk.runtimes import open_session
try:
    where = {"delegate": "gpu"} if sys.argv[1] == "gpu" else {"runtime": sys.argv[1]}
    session = open_session(Path(sys.argv[2]), **where)
    logits = session.run(np.zeros((1, *session.input_hw), np.uint8))
    assert np.isfinite(logits).all()
    adapter = getattr(session, "adapter", "")
    kind = "software adapter, its timings are not those of a GPU: " if (
        getattr(session, "software", False)) else ""
    print("ok works" + (": " + kind + adapter if adapter else ""))
except FerError as error:
    print("no " + " ".join(str(error).split()))
"""

_PACKAGES: Final = {
    "ai-edge-litert": ("ai_edge_litert", "pip install fer-sdk (none for 32-bit ARM)"),
    "onnxruntime": ("onnxruntime", "pip install 'fer-sdk[onnx]'"),
    "tflite-runtime": ("tflite_runtime", "pip install 'fer-sdk[tflite-runtime]'"),
    "ray": ("ray", "pip install 'fer-sdk[ray]'"),
    "tensorflow": ("tensorflow", "pip install 'fer-sdk[train]' or 'fer-sdk[convert]'"),
    "tensorflow-model-optimization": (
        "tensorflow_model_optimization",
        "pip install 'fer-sdk[qat]'",
    ),
    "matplotlib": ("matplotlib", "pip install 'fer-sdk[plot]'"),
    "pyarrow": ("pyarrow", "pip install 'fer-sdk[parquet]'"),
    "pillow": ("PIL", "pip install pillow"),
}
"""Import name of each optional package, and how to install it."""

State = Literal["ok", "missing", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The state of one part of the installation.

    Attributes:
        area: "runtime", "delegate", "detector", "opencv", "model", "package", "cache" or
            "setting".
        name: Name of the part.
        state: "missing" for an optional part that is not installed; "warning" for one that may
            not work; "failed" for an error.
        detail: Version, adapter or path; or how to install or repair it.
    """

    area: str
    name: str
    state: State
    detail: str


def inspect_installation() -> list[Finding]:
    """Check runtimes, delegates, detectors, OpenCV, models, packages, caches and settings.

    Each runtime runs in a process of its own, because a faulty driver may terminate the process.
    """
    return [
        *_runtimes(),
        *_detectors(),
        _opencv(),
        *_models(),
        *_packages(),
        *_caches(),
        *_settings(),
    ]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """List what is installed, what is missing and how to install it.

    The exit code is 1 if a part that `pip install fer-sdk` installs does not work.
    """
    findings = inspect_installation()
    environment = describe_environment()
    if as_json:
        printed = {
            "schema": 1,
            "environment": environment,
            "findings": [asdict(finding) for finding in findings],
        }
        click.echo(json.dumps(printed, indent=1))
    else:
        for name, value in environment.items():
            click.echo(f"{name:<16} {value}")
        for finding in findings:
            click.echo(f"{finding.state:<8} {finding.area:<9} {finding.name:<22} {finding.detail}")
    if any(finding.state == "failed" for finding in findings):
        raise click.exceptions.Exit(1)


def _runtimes() -> list[Finding]:
    tflite = next(path for path in shipped_models().values() if path.suffix == ".tflite")
    found = []
    for runtime, package, area in (
        ("litert", "ai-edge-litert", "runtime"),
        ("tflite", "tflite-runtime", "runtime"),
        ("gpu", "ai-edge-litert", "delegate"),
    ):
        name = "gpu (LiteRT)" if area == "delegate" else f"{runtime} ({package})"
        module, remedy = _PACKAGES[package]
        if find_spec(module) is None:
            # A board without LiteRT uses tflite-runtime.
            needed = runtime == "litert" and find_spec("tflite_runtime") is None
            found.append(Finding(area, name, "failed" if needed else "missing", remedy))
            continue
        works, detail = _probe(runtime, tflite)
        state: State = "ok" if works else "missing" if area == "delegate" else "failed"
        found.append(Finding(area, name, state, detail))
    module, remedy = _PACKAGES["onnxruntime"]
    if find_spec(module) is None:
        found.append(Finding("runtime", "onnx (onnxruntime)", "missing", remedy))
    else:
        detail = f"{_version('onnxruntime')}, CPU; not tested, because no .onnx model is shipped"
        found.append(Finding("runtime", "onnx (onnxruntime)", "ok", detail))
    return found


def _probe(runtime: str, model: Path) -> tuple[bool, str]:
    """Run a model once in a process of its own; returns whether it worked, and a detail."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, runtime, str(model)],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False, f"no result after {PROBE_SECONDS} s"
    lines = [line for line in done.stdout.splitlines() if line.startswith(("ok ", "no "))]
    if not lines:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return False, f"the process ended without a result: {why}"
    return lines[-1].startswith("ok "), lines[-1][3:]


def _detectors() -> list[Finding]:
    from fer_sdk.bundles.detector import DetectorBundle
    from fer_sdk.bundles.registry import shipped_detectors
    from fer_sdk.errors import BundleError

    found = []
    for name, path in shipped_detectors().items():
        try:
            DetectorBundle.load(path)
            found.append(Finding("detector", name, "ok", "hash matches the sidecar"))
        except BundleError as error:
            found.append(Finding("detector", name, "failed", str(error)))
    return found


def _opencv() -> Finding:
    """Name the installed OpenCV with the version of its module; two share one folder."""
    installed = installed_opencv()
    if find_spec("cv2") is None:
        remedy = "needed for files, cameras, windows and drawing: pip install opencv-python"
        return Finding("opencv", "none", "missing", remedy)
    name = " and ".join(installed) or "of unknown origin"
    try:
        import cv2
    except ImportError as error:
        detail = f"{error}: opencv-python needs libgl1 and libglib2.0-0; or use the headless one"
        return Finding("opencv", name, "failed", detail)
    if len(installed) > 1:
        remedy = (
            f"cv2 is version {cv2.__version__}; {len(installed)} packages write into its folder: "
            f"pip uninstall {' '.join(installed)}, then install one"
        )
        return Finding("opencv", name, "warning", remedy)
    return Finding("opencv", name, "ok", cv2.__version__)


def _models() -> list[Finding]:
    from fer_sdk.bundles.bundle import ModelBundle
    from fer_sdk.errors import BundleError

    found = []
    for name, path in shipped_models().items():
        try:
            ModelBundle.load(path)
            found.append(Finding("model", name, "ok", "hash matches the sidecar"))
        except BundleError as error:
            found.append(Finding("model", name, "failed", str(error)))
    return found


def _packages() -> list[Finding]:
    return [
        Finding("package", name, "ok", _version(name))
        if find_spec(module) is not None
        else Finding("package", name, "missing", remedy)
        for name, (module, remedy) in _PACKAGES.items()
    ]


def _caches() -> list[Finding]:
    """List the caches of other libraries; the SDK itself has none."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = [Finding("cache", "fer-sdk", "ok", "has none")]
    places = {
        "GPU shaders (Mesa)": home / "mesa_shader_cache",
        "ONNX Runtime's device id": home / "Microsoft" / "DeveloperTools",
    }
    for name, place in places.items():
        if place.exists():
            size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
            found.append(Finding("cache", name, "ok", f"{place}, {size:,} bytes"))
    return found


def _settings() -> list[Finding]:
    names = ("VK_ICD_FILENAMES", "XDG_RUNTIME_DIR", "CUDA_VISIBLE_DEVICES")
    given = [
        Finding("setting", name, "ok", os.environ[name]) for name in names if name in os.environ
    ]
    off = "disabled before onnxruntime is imported"
    return [*given, Finding("setting", "ONNX Runtime telemetry", "ok", off)]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "version unknown"
