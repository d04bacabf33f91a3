"""The GPU delegate on the available adapter; `make gpu` provides a software adapter.

Each test uses a separate process, because LiteRT keeps its environment and its log until exit.
Three shipped models are tested: the others have the same operators in other sizes.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fer_sdk import shipped_models
from fer_sdk.bundles.registry import DEFAULT_MODEL

pytestmark = pytest.mark.device
REQUIRED = os.environ.get("FER_GPU") == "required"


def bench(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    program = "from fer_bench.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words), "--delegate", "gpu"],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    if done.returncode == 3 and not REQUIRED:
        pytest.skip(done.stderr.strip())
    return done


def test_shipped_models_predict_as_on_the_cpu_and_the_adapter_is_named(tmp_path: Path) -> None:
    out, chosen = tmp_path / "out.json", {"nano-float32", "nano-int8", DEFAULT_MODEL}
    paths = [path for name, path in shipped_models().items() if name in chosen]
    assert len(paths) == len(chosen)
    done = bench(tmp_path, *paths, "--quick", "--json", out)
    assert done.returncode == 0, done.stderr
    assert len(done.stderr.splitlines()) == 1  # the note that there is no FER2013
    result = json.loads(out.read_text())
    assert {row["name"] for row in result["models"]} == {path.name for path in paths}
    assert not result["refused"]
    for row in result["models"]:
        backend, parity = row["backend"], row["parity"]
        assert backend["delegated_ops"] == backend["ops"] > 0
        assert backend["adapter"]
        if "SwiftShader" in backend["adapter"]:
            assert backend["software"]
            assert "software adapter: SwiftShader" in done.stdout
        assert parity["faces"] >= 32
        assert parity["agreement"] >= (1 if row["precision"] == "float32" else 0.95)
        # int8 rounding on the GPU differs by single steps.
        most = {"float32": 1e-3, "float16": 2e-2}.get(row["precision"], 0.2)
        assert parity["largest_difference"] < most
        assert all(ns > 0 for ns in row["submission"]["rounds_ns"][0])
        assert "times include reading the result back" in done.stdout


def test_an_int16x8_file_is_refused(golden: Path, tmp_path: Path) -> None:
    done = bench(tmp_path, golden / "tiny-int16x8.tflite")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "the GPU delegate cannot load" in line
    assert "int16 activations give wrong results" in line
