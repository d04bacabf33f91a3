from pathlib import Path
from typing import Any

import pytest

from fer_convert.compatibility import onnx_compatibility, tflite_compatibility


def test_an_int8_file_is_supported_by_every_delegate(golden: Path) -> None:
    found = tflite_compatibility(golden / "tiny-int8.tflite")
    taken, of, count = found["XNNPACK"].split()[1:4]
    assert of == "of"
    assert 0 < int(taken) <= int(count)
    assert "according to its documentation" in found["GPU"]
    assert found["oldest"].startswith("TensorFlow Lite ")


def test_int16_activations_are_unsupported_by_gpu_and_xnnpack(golden: Path) -> None:
    found = tflite_compatibility(golden / "tiny-int16x8.tflite")
    assert found["GPU"].startswith("unsupported: int16 activations")
    assert found["XNNPACK"].startswith("supports 0 of ")
    assert found["oldest"].startswith("TensorFlow Lite 2.3")


def test_operators_that_no_delegate_supports_are_named(tmp_path: Path) -> None:
    tf: Any = pytest.importorskip("tensorflow", reason="writes the file")
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
        "unknown or newer than TensorFlow Lite 2.12: CUMSUM version 1"
    )


def test_onnx_compatibility_has_opset_and_phone_accelerators(golden: Path) -> None:
    pytest.importorskip("onnx", reason="reading .onnx files needs the extra `convert`")
    pytest.importorskip("onnxruntime", reason="the test uses its mobile checker")
    found = onnx_compatibility(golden / "tiny-float32.onnx")
    assert "ONNX Runtime" in found["opset"]
    assert found["shapes"] == "fixed"
    for name in ("NNAPI", "CoreML"):
        assert "expected benefit: " in found[name]
