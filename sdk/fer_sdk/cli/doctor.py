"""`fer doctor`: what is here, what is missing and how to get it."""

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
    kind = "software adapter, its times say nothing about a GPU: " if (
        getattr(session, "software", False)) else ""
    print("ok answers" + (": " + kind + adapter if adapter else ""))
except FerError as error:
    print("no " + " ".join(str(error).split()))
"""

_PACKAGES: Final = {
    "ai-edge-litert": ("ai_edge_litert", "pip install fer-sdk (none for 32-bit ARM)"),
    "onnxruntime": ("onnxruntime", "pip install 'fer-sdk[onnx]'"),
    "tflite-runtime": ("tflite_runtime", "pip install 'fer-sdk[tflite-runtime]'"),
    "ray": ("ray", "pip install 'fer-sdk[ray]'"),
    "tensorflow": ("tensorflow", "pip install 'fer-sdk[train]' or 'fer-sdk[convert]'"),
    "matplotlib": ("matplotlib", "pip install 'fer-sdk[plot]'"),
    "pyarrow": ("pyarrow", "pip install 'fer-sdk[parquet]'"),
    "pillow": ("PIL", "pip install pillow"),
}
"""Import name of each optional package, and how to get it."""

State = Literal["ok", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        area: Of "runtime", "delegate", "detector", "model", "package", "cache", "setting".
        name: What it is.
        state: "missing" is fine unless it is needed; "failed" is not.
        detail: Version, adapter, place, or what to do.
    """

    area: str
    name: str
    state: State
    detail: str


def examine() -> list[Finding]:
    """Look at runtimes, delegates, detector, models, packages, caches and settings.

    Runtimes are opened and asked in processes of their own: a broken driver ends those only.
    """
    return [*_runtimes(), _detector(), *_models(), *_packages(), *_caches(), *_settings()]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> None:
    """Say what is here, what is missing and how to get it.

    Exit code 1 if something that `pip install fer-sdk` brings does not work.
    """
    findings = examine()
    environment = describe_environment()
    if as_json:
        whole = {
            "schema": 1,
            "environment": environment,
            "findings": [asdict(finding) for finding in findings],
        }
        click.echo(json.dumps(whole, indent=1))
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
            # A board without LiteRT has tflite-runtime in its place.
            needed = runtime == "litert" and find_spec("tflite_runtime") is None
            found.append(Finding(area, name, "failed" if needed else "missing", remedy))
            continue
        answered, detail = _probe(runtime, tflite)
        state: State = "ok" if answered else "missing" if area == "delegate" else "failed"
        found.append(Finding(area, name, state, detail))
    module, remedy = _PACKAGES["onnxruntime"]
    if find_spec(module) is None:
        found.append(Finding("runtime", "onnx (onnxruntime)", "missing", remedy))
    else:
        detail = f"{_version('onnxruntime')}, CPU; no .onnx model is shipped to try"
        found.append(Finding("runtime", "onnx (onnxruntime)", "ok", detail))
    return found


def _probe(runtime: str, model: Path) -> tuple[bool, str]:
    """Open a model and ask it once, in a process of its own."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, runtime, str(model)],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False, f"gave no answer in {PROBE_SECONDS} s"
    lines = [line for line in done.stdout.splitlines() if line.startswith(("ok ", "no "))]
    if not lines:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return False, f"ended without an answer: {why}"
    return lines[-1].startswith("ok "), lines[-1][3:]


def _detector() -> Finding:
    from fer_sdk.detectors.yunet import YuNet
    from fer_sdk.errors import FerError

    try:
        YuNet().close()
    except (ImportError, FerError) as error:
        remedy = "OpenCV needs libgl1 and libglib2.0-0" if "lib" in str(error) else "reinstall it"
        return Finding("detector", "YuNet (OpenCV)", "failed", f"{error}: {remedy}")
    return Finding("detector", "YuNet (OpenCV)", "ok", _version("opencv-python"))


def _models() -> list[Finding]:
    from fer_sdk.bundles.bundle import ModelBundle
    from fer_sdk.errors import BundleError

    found = []
    for name, path in shipped_models().items():
        try:
            ModelBundle.load(path)
            found.append(Finding("model", name, "ok", "hash as its sidecar states"))
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
    """Say where others keep what they cache; the SDK writes no file that was not asked for."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    found = [Finding("cache", "fer-sdk", "ok", "keeps none")]
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
    off = "off: set before onnxruntime is imported"
    return [*given, Finding("setting", "ONNX Runtime telemetry", "ok", off)]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "version unknown"
