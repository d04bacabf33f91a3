import json
import math
import shutil
from pathlib import Path

import pytest
from tests.convert.command import fer_convert

from fer_sdk.bundles.inspect import inspect
from fer_sdk.errors import InputError


@pytest.mark.parametrize("name", ["tiny-float32.tflite", "tiny-int8.tflite", "tiny-float32.onnx"])
def test_cost_of_the_tiny_model_is_that_of_its_dense_layer(name: str, golden: Path) -> None:
    if name.endswith(".onnx"):
        pytest.importorskip("onnx", reason="reading .onnx files needs the extra `convert`")
    contents = inspect(golden / name)
    assert contents.multiply_accumulates == 8 * 7
    bias = 7 if name == "tiny-int8.tflite" else 0  # the quantizer adds one
    assert contents.parameters in (8 * 7, 8 * 7 + bias)


def test_cost_of_convolutions_equals_the_manual_count(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras", reason="conversion needs the extra `convert`")
    pytest.importorskip("tf2onnx", reason="conversion needs the extra `convert`")
    from fer_convert import onnx_recipes, recipes
    from fer_convert.export import for_conversion

    inputs = keras.Input((48, 48, 1))
    x = keras.layers.Conv2D(6, 3, 2, padding="same", bias_initializer="ones")(inputs)
    x = keras.layers.DepthwiseConv2D(5, 2, padding="same", bias_initializer="ones")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = for_conversion(keras.Model(inputs, keras.layers.Dense(7, bias_initializer="ones")(x)))
    products = 24 * 24 * 6 * 9 + 12 * 12 * 6 * 25 + 6 * 7
    parameters = (6 * 9 + 6) + (6 * 25 + 6) + (6 * 7 + 7)
    for suffix, data in (
        (".tflite", recipes.float32(model)),
        (".onnx", onnx_recipes.float32(model)),
    ):
        path = tmp_path / f"net{suffix}"
        path.write_bytes(data)
        contents = inspect(path)
        assert (contents.multiply_accumulates, contents.parameters) == (products, parameters)


def test_check_reports_content_runtimes_and_sidecar(golden: Path) -> None:
    done = fer_convert("check", golden / "tiny-int8.tflite", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    (entry,) = report["contents"]["inputs"]
    assert (entry["dtype"], entry["scale"], entry["zero_point"]) == ("uint8", 1.0, 0)
    assert report["contents"]["tensors"]["int8"] > 0
    assert report["runtimes"]["litert"] == "loads"
    assert report["sidecar"] == "matches the file"
    text = fer_convert("check", golden / "tiny-int16x8.tflite").stdout
    assert "int16 activations give wrong results" in text


def test_check_accepts_files_without_a_sidecar(golden: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.tflite"
    shutil.copy(golden / "tiny-float32.tflite", foreign)
    done = fer_convert("check", foreign)
    assert done.exit_code == 0
    assert "has no sidecar" in done.stdout
    (tmp_path / "noise.tflite").write_bytes(bytes(range(256)))
    for arguments, message in (
        (["check", tmp_path / "noise.tflite"], "LiteRT cannot read"),
        (["check", tmp_path / "nothing.tflite"], "no model at"),
        (["check", golden / "preprocess.json"], "must be a .tflite or .onnx file"),
    ):
        refused = fer_convert(*arguments)
        assert refused.exit_code == 1
        (line,) = refused.stderr.splitlines()
        assert message in line


def test_damaged_onnx_is_refused(golden: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="reading .onnx files needs the extra `convert`")
    path = tmp_path / "cut.onnx"
    path.write_bytes((golden / "tiny-float32.onnx").read_bytes()[:200])
    with pytest.raises(InputError, match=r"^onnx cannot read [^\n]*$"):
        inspect(path)


def test_onnx_without_stated_shapes_is_refused_and_vectors_are_counted(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="reading .onnx files needs the extra `convert`")
    helper, number = onnx.helper, onnx.TensorProto

    def write(weights: list[int], shape: list[int | str]) -> Path:
        graph = helper.make_graph(
            [
                helper.make_node("Reshape", ["face", "shape"], ["flat"]),
                helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
                helper.make_node("Identity", ["logits"], ["out"]),
            ],
            "net",
            [helper.make_tensor_value_info("face", number.FLOAT, [1, 4]),
             helper.make_tensor_value_info("shape", number.INT64, shape)],
            [helper.make_tensor_value_info("out", number.FLOAT, ["a", "b"])],
            [helper.make_tensor("weights", number.FLOAT, weights, [1.0] * math.prod(weights))],
        )  # fmt: skip
        path = tmp_path / "net.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
        return path

    with pytest.raises(InputError, match=r"states no shape of logits, which a MatMul has"):
        inspect(write([4, 7], ["n"]))
    assert inspect(write([4, 7], [2])).parameters == 28
    assert inspect(write([4], [2])).parameters == 4
    assert inspect(write([4, 0], [2])).multiply_accumulates == 0
