"""Compatibility of a model file with delegates and older runtimes."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.errors import InputError, first_line

GPU_OPERATORS: Final = {
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "EXP",
    "FULLY_CONNECTED", "LOGICAL_AND", "LOGISTIC", "LSTM", "MAXIMUM", "MAX_POOL_2D", "MINIMUM",
    "MUL", "PAD", "PRELU", "RELU", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "SOFTMAX",
    "STRIDED_SLICE", "SUB", "TRANSPOSE_CONV",
}  # fmt: skip
"""Operators of the GPU delegate, https://ai.google.dev/edge/litert/performance/gpu.

Some versions support more. The delegate computes quantized files in floating point and removes
QUANTIZE and DEQUANTIZE.
"""

RELEASES: Final = {
    "ADD": "1.5 1.14 2.4 2.6",
    "AVERAGE_POOL_2D": "1.5 1.14 2.3",
    "CONCATENATION": "1.5 1.14 2.3",
    "CONV_2D": "1.5 1.14 1.14 2.3 2.4 2.9",
    "DEPTHWISE_CONV_2D": "1.5 1.12 1.14 2.2 2.3 2.3",
    "DEQUANTIZE": "1.13 1.14 1.15 2.2 2.7",
    "ELU": "1.14",
    "FULLY_CONNECTED": "1.5 1.10 1.14 1.14 2.0 2.1 2.3 2.3 2.3",
    "GELU": "2.9 2.9",
    "HARD_SWISH": "1.15",
    "LEAKY_RELU": "1.13 2.3",
    "LOGISTIC": "1.14 1.14 2.3",
    "MAXIMUM": "1.14 1.14 2.3 2.3",
    "MAX_POOL_2D": "1.5 1.14 2.3",
    "MEAN": "1.6 1.14 2.4",
    "MINIMUM": "1.14 1.14 2.3 2.3",
    "MUL": "1.5 1.14 1.15 2.3 2.6",
    "PAD": "1.5 1.14 2.4 2.6",
    "PRELU": "1.8",
    "QUANTIZE": "1.14 1.15 2.7",
    "REDUCE_MAX": "1.11 1.14 2.5",
    "RELU": "1.5 2.1 2.5",
    "RELU6": "1.5 1.14 2.5",
    "RESHAPE": "1.5",
    "RESIZE_BILINEAR": "1.7 1.14 2.2 2.5",
    "SHAPE": "1.10",
    "SOFTMAX": "1.5 1.14 2.3",
    "SQUEEZE": "1.6 2.5",
    "STRIDED_SLICE": "1.6 1.14 2.1 2.2 2.5 2.6",
    "SUB": "1.6 1.14 2.3 2.4 2.4",
    "SUM": "1.10 1.15",
    "TANH": "1.14 1.14 2.3",
    "TRANSPOSE": "1.6 1.14 1.15 2.3 2.4",
}
"""First TensorFlow release that supports version 1, 2, ... of each operator.

Source: tensorflow/lite/tools/versioning/runtime_version.cc of TensorFlow 2.12, which lists no newer
versions.
"""

ONNX_RUNTIMES: Final = {
    13: "1.6", 14: "1.8", 15: "1.9", 16: "1.11", 17: "1.12", 18: "1.14", 19: "1.15", 20: "1.17",
    21: "1.18", 22: "1.20",
}  # fmt: skip
"""First ONNX Runtime release for each opset, https://onnxruntime.ai/docs/reference/compatibility.html."""


def tflite_compatibility(path: Path) -> dict[str, str]:
    """Return the delegate support of a .tflite file and the oldest runtime that loads it."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    content = path.read_bytes()
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with captured_native_log():
        delegated = Interpreter(model_content=content)
        delegated.allocate_tensors()
        interpreter = Interpreter(model_content=content, experimental_op_resolver_type=plain)
    operators = interpreter._get_ops_details()
    names = [op["op_name"] for op in operators]
    rest = [names[number] for number in _outside_delegates(delegated._get_ops_details())]
    return {
        "XNNPACK": _support(len(names), rest),
        "GPU": _on_gpu(interpreter, names),
        "oldest": _oldest(content),
    }


def _outside_delegates(operators: list[dict[str, Any]]) -> list[int]:
    """Return the indices of the operators that no delegate executes.

    An interpreter lists the operators that a delegate replaced and the delegate's own node, whose
    inputs and outputs enclose the replaced operators.
    """
    producers = {
        int(index): number
        for number, op in enumerate(operators)
        for index in op["outputs"]
        if op["op_name"] != "DELEGATE"
    }
    inside: set[int] = set()
    for delegate in (op for op in operators if op["op_name"] == "DELEGATE"):
        read = {int(index) for index in delegate["inputs"]}
        open_tensors = [int(index) for index in delegate["outputs"]]
        while open_tensors:
            producer = producers.get(open_tensors.pop())
            if producer is not None and producer not in inside:
                inside.add(producer)
                open_tensors += [
                    int(i) for i in operators[producer]["inputs"] if int(i) not in read
                ]
    return [
        number
        for number, op in enumerate(operators)
        if number not in inside and op["op_name"] != "DELEGATE"
    ]


def _support(count: int, unsupported: list[str]) -> str:
    text = f"supports {count - len(unsupported)} of {count} operators"
    return text + (f"; unsupported: {_counts(unsupported)}" if unsupported else "")


def _on_gpu(interpreter: Any, names: list[str]) -> str:
    types = {np.dtype(tensor["dtype"]) for tensor in interpreter.get_tensor_details()}
    if np.dtype(np.int16) in types:
        return "unsupported: int16 activations give wrong results without an error"
    rest = [n for n in names if n not in GPU_OPERATORS | {"QUANTIZE", "DEQUANTIZE"}]
    return f"according to its documentation, {_support(len(names), rest)}"


def _oldest(content: bytes) -> str:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    int16 = any(tensor.type == schema.TensorType.INT16 for tensor in model.subgraphs[0].tensors)
    oldest = "2.3" if int16 else "1.5"  # int16 kernels, whose operators have lower version numbers
    unknown = []
    for code in model.operatorCodes:
        name = flatbuffer_utils.opcode_to_name(model, model.operatorCodes.index(code))
        releases = RELEASES.get(name, "").split()
        if code.version > len(releases):
            unknown.append(f"{name} version {code.version}")
        else:
            oldest = max(oldest, releases[code.version - 1], key=_release)
    if unknown:
        return f"unknown or newer than TensorFlow Lite 2.12: {', '.join(unknown)}"
    return f"TensorFlow Lite {oldest}, according to operator versions"


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def onnx_compatibility(path: Path) -> dict[str, str]:
    """Return the opset of an .onnx file and the expected support by phone accelerators.

    Raises:
        InputError: If ONNX Runtime cannot analyze the file.
    """
    import onnx

    model = onnx.load(str(path))
    opset = max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    runtime = ONNX_RUNTIMES.get(opset)
    since = f"ONNX Runtime {runtime} or newer" if runtime else "first ONNX Runtime release unknown"
    return {"opset": f"{opset}, IR version {model.ir_version}: {since}", **_on_phones(path)}


def _on_phones(path: Path) -> dict[str, str]:
    """Return the results of ONNX Runtime's mobile usability checker."""
    try:
        from onnxruntime.tools.mobile_helpers import usability_checker as checker
        from onnxruntime.tools.onnx_model_utils import ModelProtoWithShapeInfo
    except ImportError:
        return {"phones": "not checked: the package onnxruntime is not installed"}
    try:
        model = ModelProtoWithShapeInfo(path).model_with_shape_info
        dynamic, _ = checker.check_shapes(model.graph)
        found = {
            "NNAPI": checker.check_nnapi_partitions(model, True),
            "CoreML": checker.check_coreml_partitions(
                model, True, "coreml_supported_mlprogram_ops.md"
            ),
        }
    except Exception as error:  # its shape inference raises unrelated types
        raise InputError(f"ONNX Runtime cannot analyze {path}: {first_line(error)}") from error
    result = {"shapes": "not fixed: " + ", ".join(v.name for v in dynamic) if dynamic else "fixed"}
    for name, info in found.items():
        partitions = f"{info.num_partitions} partition" + "s" * (info.num_partitions != 1)
        text = f"supports {info.num_supported_nodes} of {info.num_nodes} operators in {partitions}"
        if info.unsupported_ops:
            text += f"; unsupported: {', '.join(sorted(info.unsupported_ops))}"
        result[name] = f"{text}; expected benefit: {info.suitability().name.lower()}"
    return result


def _counts(names: Iterable[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(Counter(names).items()))
