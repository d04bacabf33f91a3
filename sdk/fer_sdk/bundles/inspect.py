"""Inputs, outputs, operators and parameters of any .tflite or .onnx file."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from fer_sdk._internal.extras import require
from fer_sdk.errors import InputError, first_line, shown


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a model.

    Attributes:
        name: Name in the file.
        dtype: NumPy name of the element type.
        shape: Size of each axis; 0 where the file leaves it undefined.
        scale: Scale of a quantised tensor, whose element q stands for scale (q - zero_point); 0 for
            a tensor that is not quantised.
        zero_point: Element that stands for 0.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int

    @property
    def numbers(self) -> str:
        """Element type and quantisation as text."""
        return self.dtype + (
            f" scale {self.scale:g} zero point {self.zero_point}" if self.scale else ""
        )


@dataclass(frozen=True, slots=True)
class Contents:
    """Inputs, outputs, tensors and operators of a model.

    Attributes:
        inputs: Inputs in the order of the file.
        outputs: Outputs in the order of the file.
        tensors: Number of tensors by element type, such as {"int8": 40}. For an .onnx file only
            stored tensors are counted, because the file states no type for the others.
        operators: Number of operators by name.
        float_operators: Names of the operators that compute in floating point; for an .onnx file,
            of the convolutions and matrix products whose operands are not quantised.
        parameters: Number of weights and biases of convolutions and dense layers.
        multiply_accumulates: Number of multiply-accumulate operations of convolutions and dense
            layers in one run.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    tensors: dict[str, int]
    operators: dict[str, int]
    float_operators: tuple[str, ...]
    parameters: int
    multiply_accumulates: int


def inspect(path: str | Path) -> Contents:
    """Read the inputs, outputs, tensors and operators of a model.

    Args:
        path: A .tflite or .onnx file.

    Raises:
        InputError: If the file is missing, has another suffix or cannot be read.
        MissingDependencyError: If the package onnx is needed and not installed.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no model at {path}")
    readers = {".tflite": _inspect_tflite, ".onnx": _inspect_onnx}
    if path.suffix not in readers:
        raise InputError(f"{path} must be a .tflite or .onnx file")
    return readers[path.suffix](path)


def _inspect_tflite(path: Path) -> Contents:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    try:
        interpreter = Interpreter(
            model_content=path.read_bytes(),
            # Without XNNPACK, whose delegate node would replace the operators that it runs.
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
        # UnicodeDecodeError, a ValueError, for names that are not valid text
        tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
        operators = interpreter._get_ops_details()
    except (ValueError, RuntimeError) as error:
        raise InputError(f"LiteRT cannot read {path}: {' '.join(str(error).split())}") from error
    ports = {tensor["index"] for tensor in interpreter.get_input_details()}
    written = {int(index) for op in operators for index in op["outputs"]}
    for op in operators:  # float16 weights pass through a DEQUANTIZE
        if op["op_name"] == "DEQUANTIZE" and int(op["inputs"][0]) not in written | ports:
            written -= {int(op["outputs"][0])}

    def shape(index: int) -> tuple[int, ...]:
        return tuple(int(side) for side in tensors[index]["shape"])

    parameters = products = 0
    for op in operators:
        if op["op_name"] not in _TFLITE_PRODUCTS:
            continue
        stored = [int(i) for i in op["inputs"] if i >= 0 and int(i) not in written | ports]
        parameters += sum(int(np.prod(shape(index))) for index in stored)
        kernel = shape(int(op["inputs"][1]))
        result = shape(int(op["outputs"][0]))
        products += int(np.prod(result)) * int(np.prod(kernel)) // _outputs_of(op, kernel)
    return Contents(
        tuple(_tflite_port(tensor) for tensor in interpreter.get_input_details()),
        tuple(_tflite_port(tensor) for tensor in interpreter.get_output_details()),
        _count(np.dtype(tensor["dtype"]).name for tensor in tensors.values()),
        _count(op["op_name"] for op in operators),
        tuple(op["op_name"] for op in operators if _is_float(op, tensors)),
        parameters,
        products,
    )


_TFLITE_PRODUCTS: Final = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def _outputs_of(op: dict[str, Any], kernel: tuple[int, ...]) -> int:
    """Return the number of output channels: the last axis of a depthwise kernel, else the first."""
    return kernel[-1] if op["op_name"] == "DEPTHWISE_CONV_2D" else kernel[0]


def _is_float(op: dict[str, Any], tensors: dict[int, dict[str, Any]]) -> bool:
    """Return whether an operator computes in floating point; conversions do not count."""
    made = [tensors[int(index)]["dtype"] for index in op["outputs"]]
    return op["op_name"] not in ("QUANTIZE", "DEQUANTIZE") and np.float32 in made


def _tflite_port(tensor: dict[str, Any]) -> Port:
    scale, zero_point = tensor["quantization"]
    shape = tuple(int(side) for side in tensor["shape"])
    name = np.dtype(tensor["dtype"]).name
    return Port(tensor["name"], name, shape, float(scale), int(zero_point))


def _inspect_onnx(path: Path) -> Contents:
    require("convert", "reading .onnx files", "onnx")
    import onnx

    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model)
        graph = onnx.shape_inference.infer_shapes(model).graph
    except Exception as error:  # protobuf and the checker have no other common base class
        raise InputError(f"onnx cannot read {path}: {first_line(error)}") from error
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.value_info, *graph.output):
        shapes[value.name] = _onnx_shape(value)
    stored = {tensor.name for tensor in graph.initializer}
    for node in graph.node:  # quantised weights pass through a DequantizeLinear
        if node.op_type == "DequantizeLinear" and node.input[0] in stored:
            stored.add(node.output[0])
            shapes[node.output[0]] = shapes[node.input[0]]
    parameters = products = 0
    for node in graph.node:
        if node.op_type not in _ONNX_PRODUCTS:
            continue
        parameters += sum(int(np.prod(shapes[name])) for name in node.input if name in stored)
        unknown = [name for name in (node.input[1], node.output[0]) if not shapes.get(name)]
        if unknown:
            raise InputError(
                f"{path} states no shape of {shown(unknown[0])}, which a {node.op_type} has as "
                "weights or output: export the model again"
            )
        kernel, result = shapes[node.input[1]], shapes[node.output[0]]
        products += int(np.prod(result)) * int(np.prod(kernel)) // _onnx_outputs(node, kernel)
    kinds = onnx.TensorProto.DataType
    turned = {node.output[0] for node in graph.node if node.op_type == "DequantizeLinear"}
    return Contents(
        tuple(_onnx_port(value, kinds) for value in graph.input),
        tuple(_onnx_port(value, kinds) for value in graph.output),
        _count(_onnx_type(kinds.Name(tensor.data_type)) for tensor in graph.initializer),
        _count(node.op_type for node in graph.node),
        tuple(
            node.op_type
            for node in graph.node
            if node.op_type in _ONNX_PRODUCTS and not turned.issuperset(node.input[:2])
        ),
        parameters,
        products,
    )


_ONNX_PRODUCTS: Final = ("Conv", "Gemm", "MatMul")


def _onnx_outputs(node: Any, kernel: tuple[int, ...]) -> int:
    """Return the number of output channels of a node's weights, at least 1."""
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    if node.op_type == "Conv" or transposed:
        return max(1, kernel[0])
    return max(1, kernel[-1]) if len(kernel) > 1 else 1


def _onnx_shape(value: Any) -> tuple[int, ...]:
    return tuple(int(side.dim_value) for side in value.type.tensor_type.shape.dim)


def _onnx_port(value: Any, kinds: Any) -> Port:
    dtype = _onnx_type(kinds.Name(value.type.tensor_type.elem_type))
    return Port(value.name, dtype, _onnx_shape(value), 0.0, 0)


def _onnx_type(name: str) -> str:
    return {"FLOAT": "float32", "DOUBLE": "float64"}.get(name, name.lower())


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
