"""Where a file runs: which delegates take its operators, and the oldest runtime that loads it."""

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
"""What the GPU delegate takes, https://ai.google.dev/edge/litert/performance/gpu; some take more.

Quantized files are computed in floating point there, so that QUANTIZE and DEQUANTIZE vanish.
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
"""TensorFlow release that brought version 1, 2, ... of each operator.

From tensorflow/lite/tools/versioning/runtime_version.cc of TensorFlow 2.12; newer versions are not
listed there.
"""

ONNX_RUNTIMES: Final = {
    13: "1.6", 14: "1.8", 15: "1.9", 16: "1.11", 17: "1.12", 18: "1.14", 19: "1.15", 20: "1.17",
    21: "1.18", 22: "1.20",
}  # fmt: skip
"""First ONNX Runtime for each opset, https://onnxruntime.ai/docs/reference/compatibility.html."""


def tflite_compatibility(path: Path) -> dict[str, str]:
    """Say which delegates take a .tflite file's operators, and the oldest runtime that loads it."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    content = path.read_bytes()
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with captured_native_log():
        delegated = Interpreter(model_content=content)
        delegated.allocate_tensors()
        interpreter = Interpreter(model_content=content, experimental_op_resolver_type=plain)
    operators = interpreter._get_ops_details()
    names = [op["op_name"] for op in operators]
    left = [names[number] for number in _outside_delegates(delegated._get_ops_details())]
    return {
        "XNNPACK": _taken(len(names), left),
        "GPU": _on_gpu(interpreter, names),
        "oldest": _oldest(content),
    }


def _outside_delegates(operators: list[dict[str, Any]]) -> list[int]:
    """Return the numbers of the operators that no delegate took.

    An interpreter lists the operators that a delegate replaced as well as the delegate's own node,
    which lies between the tensors that it reads and those that it makes.
    """
    makers = {
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
            maker = makers.get(open_tensors.pop())
            if maker is not None and maker not in inside:
                inside.add(maker)
                open_tensors += [int(i) for i in operators[maker]["inputs"] if int(i) not in read]
    return [
        number
        for number, op in enumerate(operators)
        if number not in inside and op["op_name"] != "DELEGATE"
    ]


def _taken(count: int, left: list[str]) -> str:
    words = f"takes {count - len(left)} of {count} operators"
    return words + (f", not {_counted(left)}" if left else "")


def _on_gpu(interpreter: Any, names: list[str]) -> str:
    types = {np.dtype(tensor["dtype"]) for tensor in interpreter.get_tensor_details()}
    if np.dtype(np.int16) in types:
        return "refused: int16 activations come out wrong there without a word"
    left = [n for n in names if n not in GPU_OPERATORS | {"QUANTIZE", "DEQUANTIZE"}]
    return f"{_taken(len(names), left)} by its published list (float and int8)"


def _oldest(content: bytes) -> str:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    int16 = any(tensor.type == schema.TensorType.INT16 for tensor in model.subgraphs[0].tensors)
    oldest = "2.3" if int16 else "1.5"  # int16 kernels; their operators keep lower versions
    unknown = []
    for code in model.operatorCodes:
        name = flatbuffer_utils.opcode_to_name(model, model.operatorCodes.index(code))
        releases = RELEASES.get(name, "").split()
        if code.version > len(releases):
            unknown.append(f"{name} version {code.version}")
        else:
            oldest = max(oldest, releases[code.version - 1], key=_release)
    if unknown:
        return f"newer than TensorFlow Lite 2.12 or unknown: {', '.join(unknown)}"
    return f"TensorFlow Lite {oldest}, by its operators' versions"


def _release(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def onnx_compatibility(path: Path) -> dict[str, str]:
    """Say an .onnx file's opset and how well phones' accelerators would run it.

    Raises:
        InputError: If ONNX Runtime cannot analyse it.
    """
    import onnx

    model = onnx.load(str(path))
    opset = max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    runtime = ONNX_RUNTIMES.get(opset)
    since = f"ONNX Runtime {runtime} or newer" if runtime else "no table here says which runtime"
    return {"opset": f"{opset}, IR version {model.ir_version}: {since}", **_on_phones(path)}


def _on_phones(path: Path) -> dict[str, str]:
    """Return what ONNX Runtime's mobile checker finds."""
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
    except Exception as error:  # its shape inference shares no narrower base
        raise InputError(f"ONNX Runtime cannot analyse {path}: {first_line(error)}") from error
    answers = {"shapes": "not fixed: " + ", ".join(v.name for v in dynamic) if dynamic else "fixed"}
    for name, info in found.items():
        parts = f"{info.num_partitions} part" + ("s" if info.num_partitions != 1 else "")
        words = f"takes {info.num_supported_nodes} of {info.num_nodes} operators in {parts}"
        if info.unsupported_ops:
            words += f", not {', '.join(sorted(info.unsupported_ops))}"
        answers[name] = f"{words}; worth trying: {info.suitability().name.lower()}"
    return answers


def _counted(names: Iterable[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(Counter(names).items()))
