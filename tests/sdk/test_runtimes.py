"""One test for all runtimes: the same model gives the same answer, worked out by hand."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.synthetic import band_face

from fer_sdk.errors import (
    BundleError,
    InputError,
    MissingDependencyError,
    NoAdapterError,
    RuntimeFailure,
)
from fer_sdk.runtimes import RUNTIMES, open_session
from fer_sdk.runtimes.base import Tensor, check_tensors

PACKAGES = {
    "litert": "ai_edge_litert",
    "litert-gpu": "ai_edge_litert",
    "onnx": "onnxruntime",
    "tflite": "tflite_runtime",
}
CASES = [
    ("litert", "tiny-float32.tflite", 1e-5),
    ("litert", "tiny-int8.tflite", 0.05),
    ("litert", "tiny-int16x8.tflite", 0.05),
    ("tflite", "tiny-float32.tflite", 1e-5),
    ("tflite", "tiny-int8.tflite", 0.05),
    ("onnx", "tiny-float32.onnx", 1e-5),
    ("litert-gpu", "tiny-float32.tflite", 1e-2),
    ("litert-gpu", "tiny-int8.tflite", 0.05),
]


def skip_unless_installed(runtime: str) -> None:
    if importlib.util.find_spec(PACKAGES[runtime]) is None:
        pytest.skip(f"{PACKAGES[runtime]} is not installed in this environment")


@pytest.mark.parametrize(("runtime", "name", "tolerance"), CASES)
def test_every_runtime_gives_the_logits_worked_out_by_hand(
    runtime: str, name: str, tolerance: float, golden: Path
) -> None:
    skip_unless_installed(runtime)
    try:
        session = open_session(golden / name, runtime=runtime)
    except NoAdapterError as error:
        pytest.skip(str(error))
    faces = np.stack([band_face(3), band_face(0, 51), band_face(7), band_face(6, 128)])
    expected = np.zeros((4, 7))
    expected[0, 3], expected[1, 0], expected[3, 6] = 10, 2, 10 * 128 / 255
    np.testing.assert_allclose(session.run(faces), expected, atol=tolerance)
    assert session.classes == 7
    assert session.input_hw == (48, 48)
    session.close()
    session.close()
    with pytest.raises(RuntimeFailure, match="is closed"):
        session.run(faces)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_refuses_a_file_that_is_no_model(runtime: str, tmp_path: Path) -> None:
    skip_unless_installed(runtime)
    path = tmp_path / f"noise{RUNTIMES[runtime][0]}"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(BundleError, match=r"^[^\n]*noise[^\n]* is no well-formed [^\n]*$"):
        open_session(path, runtime=runtime)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_missing_runtime_names_its_extra(
    runtime: str, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = PACKAGES[runtime]
    for name in (package, f"{package}.interpreter", f"{package}.compiled_model"):
        monkeypatch.setitem(sys.modules, name, None)
    model = golden / f"tiny-float32{RUNTIMES[runtime][0]}"
    with pytest.raises(MissingDependencyError, match=r"pip install 'fer-sdk\["):
        open_session(model, runtime=runtime)


def test_unknown_runtime_wrong_file_and_no_threads_are_refused(golden: Path) -> None:
    with pytest.raises(InputError, match="there are litert, litert-gpu, onnx, tflite"):
        open_session(golden / "tiny-int8.tflite", runtime="tensorrt")
    with pytest.raises(InputError, match=r"onnx takes \.onnx files"):
        open_session(golden / "tiny-int8.tflite", runtime="onnx")
    with pytest.raises(InputError, match=r"must be a \.tflite or \.onnx file"):
        open_session(golden / "preprocess.json")
    with pytest.raises(InputError, match="threads must be 1 or more"):
        open_session(golden / "tiny-int8.tflite", threads=0)


def test_int16_activations_are_refused_on_the_gpu(golden: Path) -> None:
    skip_unless_installed("litert-gpu")
    with pytest.raises(RuntimeFailure, match="int16 activations come out wrong"):
        open_session(golden / "tiny-int16x8.tflite", runtime="litert-gpu")


FLOAT = Tensor((1, 48, 48, 1), np.dtype(np.float32))
LOGITS = Tensor((1, 7), np.dtype(np.float32))


@pytest.mark.parametrize(
    ("entry", "exit"),
    [
        (Tensor((1, 48, 48, 3), np.dtype(np.float32)), LOGITS),
        (Tensor((2, 48, 48, 1), np.dtype(np.float32)), LOGITS),
        (Tensor((1, 48, 48), np.dtype(np.float32)), LOGITS),
        (Tensor((1, 48, 48, 1), np.dtype(np.uint8), 0.94, 0), LOGITS),
        (Tensor((1, 48, 48, 1), np.dtype(np.uint8), 1.0, 3), LOGITS),
        (Tensor((1, 48, 48, 1), np.dtype(np.int8), 1.0, 0), LOGITS),
        (Tensor((1, 48, 48, 1), np.dtype(np.int32)), LOGITS),
        (FLOAT, Tensor((7,), np.dtype(np.float32))),
        (FLOAT, Tensor((1, 7), np.dtype(np.int8))),
        (FLOAT, Tensor((1, 7), np.dtype(np.int64))),
    ],
    ids=["colour", "batch", "flat", "scale .94", "zero point", "int8 zero point", "int32",
         "flat logits", "no scale", "int64"],
)  # fmt: skip
def test_a_model_that_would_misread_pixels_is_refused(entry: Tensor, exit: Tensor) -> None:
    with pytest.raises(RuntimeFailure, match="must"):
        check_tensors(entry, exit, "model")


def test_onnxruntime_is_imported_with_its_telemetry_off(golden: Path) -> None:
    skip_unless_installed("onnx")
    code = f"""
import sys, os
class Spy:
    def find_spec(self, name, path, target=None):
        if name == "onnxruntime":
            print("telemetry off:", os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Spy())
from pathlib import Path
from fer_sdk.runtimes import open_session
open_session(Path({str(golden / "tiny-float32.onnx")!r}))
"""
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert "telemetry off: 1" in done.stdout
