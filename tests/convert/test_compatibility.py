from pathlib import Path
from typing import Any

import pytest

from fer_convert.compatibility import onnx_compatibility, tflite_compatibility


def test_a_plain_int8_file_runs_everywhere(golden: Path) -> None:
    found = tflite_compatibility(golden / "tiny-int8.tflite")
    taken, of, count = found["XNNPACK"].split()[1:4]
    assert of == "of"
    assert 0 < int(taken) <= int(count)
    assert "by its published list" in found["GPU"]
    assert found["oldest"].startswith("TensorFlow Lite ")


def test_int16_activations_are_refused_on_the_gpu_and_left_by_xnnpack(golden: Path) -> None:
    found = tflite_compatibility(golden / "tiny-int16x8.tflite")
    assert found["GPU"].startswith("refused: int16 activations")
    assert found["XNNPACK"].startswith("takes 0 of ")
    assert found["oldest"].startswith("TensorFlow Lite 2.3")


def test_operators_that_no_delegate_takes_are_named(tmp_path: Path) -> None:
    tf: Any = pytest.importorskip("tensorflow", reason="makes the file")
    path = tmp_path / "net.tflite"

    @tf.function(input_signature=[tf.TensorSpec((1, 8), tf.float32)])  # type: ignore[untyped-decorator]
    def net(x: Any) -> Any:
        return tf.math.cumsum(tf.nn.relu(x) * 2.0, axis=1)

    path.write_bytes(
        tf.lite.TFLiteConverter.from_concrete_functions([net.get_concrete_function()]).convert()
    )
    found = tflite_compatibility(path)
    assert "1 CUMSUM" in found["XNNPACK"]
    assert "1 CUMSUM" in found["GPU"]
    assert found["oldest"].startswith(
        "newer than TensorFlow Lite 2.12 or unknown: CUMSUM version 1"
    )


def test_onnx_files_state_opset_and_phones(golden: Path) -> None:
    pytest.importorskip("onnx", reason="reading .onnx files needs the extra `convert`")
    pytest.importorskip("onnxruntime", reason="its mobile checker is used")
    found = onnx_compatibility(golden / "tiny-float32.onnx")
    assert "ONNX Runtime" in found["opset"]
    assert found["shapes"] == "fixed"
    for name in ("NNAPI", "CoreML"):
        assert "worth trying: " in found[name]
