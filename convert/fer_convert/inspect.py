"""What is inside a converted file."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Contents:
    """Tensors and operators of a model.

    Attributes:
        tensors: Number of tensors by type, such as {"int8": 40}.
        operators: Number of operators by name.
        input_dtype: Type of the input.
        input_scale: Grey levels per step of a quantised input, 0 for a float one.
        input_zero_point: The number that stands for grey level 0.
    """

    tensors: dict[str, int]
    operators: dict[str, int]
    input_dtype: str
    input_scale: float
    input_zero_point: int


def inspect(path: Path) -> Contents:
    """Read a model's tensors and operators.

    Args:
        path: A .tflite file that LiteRT can load, or an .onnx file.
    """
    return _inspect_onnx(path) if path.suffix == ".onnx" else _inspect_tflite(path)


def _inspect_tflite(path: Path) -> Contents:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_path=str(path),
        # Without XNNPACK, which would hide the operators that it takes.
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    tensors = Counter(np.dtype(t["dtype"]).name for t in interpreter.get_tensor_details())
    operators = Counter(op["op_name"] for op in interpreter._get_ops_details())
    return Contents(
        dict(sorted(tensors.items())),
        dict(sorted(operators.items())),
        np.dtype(entry["dtype"]).name,
        float(entry["quantization"][0]),
        int(entry["quantization"][1]),
    )


def _inspect_onnx(path: Path) -> Contents:
    """Count stored tensors alone: those between operators carry no type in the file."""
    import onnx

    graph = onnx.load(str(path)).graph
    kinds = onnx.TensorProto.DataType
    name_of = {"FLOAT": "float32"}
    stored = (kinds.Name(tensor.data_type) for tensor in graph.initializer)
    tensors = Counter(name_of.get(name, name.lower()) for name in stored)
    operators = Counter(node.op_type for node in graph.node)
    entry = kinds.Name(graph.input[0].type.tensor_type.elem_type)
    return Contents(
        dict(sorted(tensors.items())),
        dict(sorted(operators.items())),
        name_of.get(entry, entry.lower()),
        input_scale=0.0,
        input_zero_point=0,
    )
