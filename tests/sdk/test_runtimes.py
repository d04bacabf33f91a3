"""All runtimes give the same logits for the same model; the expected logits are derived by hand."""

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
    "onnx": "onnxruntime",
    "tflite": "tflite_runtime",
}
CASES = [
    ("litert", "cpu", "tiny-float32.tflite", 1e-5),
    ("litert", "cpu", "tiny-int8.tflite", 0.05),
    ("litert", "cpu", "tiny-int16x8.tflite", 0.05),
    ("tflite", "cpu", "tiny-float32.tflite", 1e-5),
    ("tflite", "cpu", "tiny-int8.tflite", 0.05),
    ("onnx", "cpu", "tiny-float32.onnx", 1e-5),
    ("litert", "gpu", "tiny-float32.tflite", 1e-2),
    ("litert", "gpu", "tiny-int8.tflite", 0.05),
]
EVERY_OPENER = [*((runtime, "cpu") for runtime in RUNTIMES), ("litert", "gpu")]


def skip_unless_installed(runtime: str) -> None:
    if importlib.util.find_spec(PACKAGES[runtime]) is None:
        pytest.skip(f"{PACKAGES[runtime]} is not installed in this environment")


@pytest.mark.parametrize(("runtime", "delegate", "name", "tolerance"), CASES)
def test_every_runtime_gives_the_logits_derived_by_hand(
    runtime: str, delegate: str, name: str, tolerance: float, golden: Path
) -> None:
    skip_unless_installed(runtime)
    try:
        session = open_session(golden / name, runtime=runtime, delegate=delegate)
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


@pytest.mark.parametrize(("runtime", "delegate"), EVERY_OPENER)
def test_every_runtime_rejects_a_file_that_is_not_a_model(
    runtime: str, delegate: str, tmp_path: Path
) -> None:
    skip_unless_installed(runtime)
    path = tmp_path / f"noise{RUNTIMES[runtime][0]}"
    path.write_bytes(bytes(range(256)) * 4)
    with pytest.raises(BundleError, match=r"^[^\n]*noise[^\n]* is not a well-formed [^\n]*$"):
        open_session(path, runtime=runtime, delegate=delegate)


@pytest.mark.parametrize(("runtime", "delegate"), EVERY_OPENER)
def test_the_error_for_a_missing_runtime_names_its_extra(
    runtime: str, delegate: str, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = PACKAGES[runtime]
    for name in (package, f"{package}.interpreter", f"{package}.compiled_model"):
        monkeypatch.setitem(sys.modules, name, None)
    model = golden / f"tiny-float32{RUNTIMES[runtime][0]}"
    with pytest.raises(MissingDependencyError, match=r"pip install 'fer-sdk\["):
        open_session(model, runtime=runtime, delegate=delegate)


def test_an_unknown_runtime_a_wrong_suffix_and_zero_threads_are_rejected(golden: Path) -> None:
    with pytest.raises(InputError, match="choose one of litert, onnx, tflite"):
        open_session(golden / "tiny-int8.tflite", runtime="tensorrt")
    with pytest.raises(InputError, match=r"onnx takes \.onnx files"):
        open_session(golden / "tiny-int8.tflite", runtime="onnx")
    with pytest.raises(InputError, match=r"must be a \.tflite or \.onnx file"):
        open_session(golden / "preprocess.json")
    with pytest.raises(InputError, match="threads must be 1 to 256"):
        open_session(golden / "tiny-int8.tflite", threads=0)
    with pytest.raises(InputError, match="delegate='gpu' needs the runtime 'litert'"):
        open_session(golden / "tiny-int8.tflite", runtime="tflite", delegate="gpu")


def test_a_model_with_int16_activations_is_rejected_on_the_gpu(golden: Path) -> None:
    skip_unless_installed("litert")
    accelerator = pytest.importorskip("ai_edge_litert.hardware_accelerator")
    if not hasattr(accelerator.HardwareAccelerator, "GPU"):
        pytest.skip("LiteRT below 2.1.2 has no GPU delegate")
    with pytest.raises(RuntimeFailure, match="int16 activations give wrong results"):
        open_session(golden / "tiny-int16x8.tflite", delegate="gpu")


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
def test_a_model_whose_tensors_do_not_fit_raw_pixels_and_logits_is_rejected(
    entry: Tensor, exit: Tensor
) -> None:
    with pytest.raises(RuntimeFailure, match="must"):
        check_tensors(entry, exit, "model")


def test_onnx_runtime_is_imported_with_telemetry_disabled(golden: Path) -> None:
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
