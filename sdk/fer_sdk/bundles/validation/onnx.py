"""Validation of .onnx files: the part of ONNX's schema that image classifiers use.

Schema: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. ONNX Runtime validates the graph
itself when it loads a model. Rejected here is what it accepts: data in other files, nested graphs,
operators that no image classifier needs, incomplete constants, and paddings and sizes that would
allocate gigabytes.
"""

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fer_sdk.bundles.validation.malformed import MalformedError

MAX_ELEMENTS: Final = 1 << 28
"""Largest number of elements of one constant."""

MAX_SIDE: Final = 256
"""Largest padding, stride or window, in pixels."""

MAX_RESIZED: Final = 2048
"""Largest side of a resized image in pixels, and 128 times the largest scale factor."""

OPERATORS: Final = frozenset({
    "Abs", "Add", "AveragePool", "BatchNormalization", "Cast", "Clip", "Concat", "Constant",
    "Conv", "DequantizeLinear", "Div", "Dropout", "Elu", "Erf", "Exp", "Flatten", "Gelu",
    "Gemm", "GlobalAveragePool", "GlobalMaxPool", "HardSigmoid", "HardSwish", "Identity",
    "LayerNormalization", "LeakyRelu", "Log", "MatMul", "Max", "MaxPool", "Mean", "Min",
    "Mish", "Mul", "Neg", "PRelu", "Pad", "Pow", "QLinearConv", "QLinearMatMul",
    "QuantizeLinear", "Reciprocal", "ReduceMax", "ReduceMean", "ReduceSum", "Relu", "Reshape",
    "Resize", "Selu", "Shape", "Sigmoid", "Slice", "Softmax", "Softplus", "Sqrt", "Squeeze",
    "Sub", "Sum", "Tanh", "Transpose", "Unsqueeze",
})  # fmt: skip
MICROSOFT_OPERATORS: Final = frozenset({
    "FusedConv", "Gelu", "QGemm", "QLinearAdd", "QLinearAveragePool", "QLinearConcat",
    "QLinearGlobalAveragePool", "QLinearLeakyRelu", "QLinearMul", "QLinearReduceMean",
    "QLinearSigmoid", "QuickGelu",
})  # fmt: skip
"""ONNX Runtime's own operators that its quantiser and optimiser write."""

_TYPE_BITS: Final = {1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 16: 16,
                     21: 4, 22: 4}  # fmt: skip
"""Bits of an element in raw data, by TensorProto.DataType."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a protobuf message: its number, and an integer or the bytes that it holds."""

    number: int
    value: int
    content: bytes


def check(data: bytes) -> None:
    """Check that a runtime can read an .onnx file safely.

    Args:
        data: Content of the file.

    Raises:
        MalformedError: If the file is damaged or uses unsupported features; states the first one.
    """
    graphs, operator_sets = [], 0
    for field in _fields(data, "the model"):
        if field.number == 7:
            graphs.append(field.content)
        elif field.number == 8:
            operator_sets += 1
        elif field.number in (20, 25):
            raise MalformedError("it has training steps or local functions")
    if len(graphs) != 1 or not operator_sets:
        raise MalformedError(f"it has {len(graphs)} graphs and {operator_sets} operator sets")
    _graph(graphs[0])


def _graph(data: bytes) -> None:
    constants: dict[str, bytes] = {}
    nodes = []
    for field in _fields(data, "the graph"):
        if field.number == 1:
            nodes.append(field.content)
        elif field.number == 5:
            name, _ = _tensor(field.content)
            constants[name] = field.content
        elif field.number == 15:
            raise MalformedError("it has sparse constants")
    for content in nodes:
        _node(content, constants)


def _node(data: bytes, constants: dict[str, bytes]) -> None:
    fields = list(_fields(data, "an operator"))
    texts = {number: _text(fields, number) for number in (4, 7)}
    inputs = [field.content.decode(errors="replace") for field in fields if field.number == 1]
    outputs = [field.content.decode(errors="replace") for field in fields if field.number == 2]
    domain, name = texts[7], texts[4]
    allowed = {"": OPERATORS, "ai.onnx": OPERATORS, "com.microsoft": MICROSOFT_OPERATORS}
    if name not in allowed.get(domain, frozenset()):
        raise MalformedError(
            f"operator {domain + ':' * bool(domain) + name!r:.60} is not used by image classifiers"
        )
    for field in fields:
        if field.number == 5:
            tensor = _attribute(field.content, name)
            if tensor is not None and name == "Constant" and outputs:
                constants[outputs[0]] = tensor
    if name in ("Pad", "Resize"):
        for place in inputs[1:]:
            if place:
                _check_sizes(name, constants.get(place))


def _attribute(data: bytes, operator: str) -> bytes | None:
    """Check an attribute and return the tensor that it holds, if any."""
    tensor = None
    for field in _fields(data, f"an attribute of {operator}"):
        if field.number in (6, 11, 22, 23):
            raise MalformedError(f"{operator} has a nested graph or sparse constants")
        if field.number == 3:
            _check_side(field.value, operator)
        elif field.number == 8:
            values = _varints(field.content) if field.content else [field.value]
            for value in values:
                _check_side(value, operator)
        elif field.number in (5, 10):
            _tensor(field.content)
            tensor = field.content
    return tensor


def _check_side(value: int, operator: str) -> None:
    signed = value - (1 << 64) if value >> 63 else value
    if operator != "Constant" and abs(signed) > MAX_SIDE:
        raise MalformedError(f"{operator} has an attribute of {signed}, larger than {MAX_SIDE}")


def _check_sizes(operator: str, constant: bytes | None) -> None:
    """Check that paddings, sizes and scale factors are constant and within their limits."""
    if constant is None:
        raise MalformedError(f"the sizes of {operator} are not constant")
    kind = next((f.value for f in _fields(constant, "a constant") if f.number == 2), 0)
    raw = b"".join(f.content for f in _fields(constant, "a constant") if f.number == 9)
    if kind == 7:
        largest = MAX_SIDE if operator == "Pad" else MAX_RESIZED
        values: tuple[float, ...] = struct.unpack(f"<{len(raw) // 8}q", raw)
        if len(values) > 16 or not all(0 <= value <= largest for value in values):
            raise MalformedError(f"{operator} has sizes outside 0 to {largest}")
    elif kind == 1 and operator == "Resize":
        values = struct.unpack(f"<{len(raw) // 4}f", raw)
        if len(values) > 8 or not all(0 <= value <= MAX_RESIZED / 128 for value in values):
            raise MalformedError(f"{operator} has factors outside 0 to {MAX_RESIZED // 128}")


def _tensor(data: bytes) -> tuple[str, int]:
    """Check a constant and return its name and number of elements."""
    dims: list[int] = []
    kind, raw, given, name = 0, None, 0, ""
    for field in _fields(data, "a constant"):
        if field.number == 1:
            dims += _varints(field.content) if field.content else [field.value]
        elif field.number == 2:
            kind = field.value
        elif field.number == 8:
            name = field.content.decode(errors="replace")
        elif field.number == 9:
            raw = len(field.content)
        elif field.number in (3, 13) or (field.number == 14 and field.value != 0):
            raise MalformedError("a constant is stored in another file")
        elif field.number in (4, 5, 7, 10, 11):
            given += 1
    elements = math.prod(dims)
    if kind not in _TYPE_BITS:
        raise MalformedError(f"a constant has the unsupported type {kind}")
    if len(dims) > 6 or elements > MAX_ELEMENTS:
        raise MalformedError(f"a constant has {elements} elements")
    needed = -(-elements * _TYPE_BITS[kind] // 8)
    if raw is not None and raw != needed:
        raise MalformedError(f"a constant has {raw} bytes for a shape of {needed}")
    if raw is None and not given and elements:
        raise MalformedError("a constant has no data")
    return name, elements


def _text(fields: list[Field], number: int) -> str:
    """Return the text of the last field with a number, as protobuf does; "" if it is absent."""
    found = [field.content for field in fields if field.number == number]
    return found[-1].decode(errors="replace") if found else ""


def _fields(data: bytes, name: str) -> Iterator[Field]:
    """Yield the fields of a message (https://protobuf.dev/programming-guides/encoding)."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield Field(number, value, b"")
        elif wire in (1, 5):
            width = 8 if wire == 1 else 4
            if at + width > len(data):
                raise MalformedError(f"{name} is truncated")
            at += width
            yield Field(number, 0, b"")
        elif wire == 2:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise MalformedError(f"{name} is truncated")
            yield Field(number, 0, data[at : at + length])
            at += length
        else:
            raise MalformedError(f"{name} is damaged")


def _varints(data: bytes) -> list[int]:
    """Read a packed list of integers."""
    values, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        values.append(value)
    return values


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Read an integer of up to ten bytes; returns it and the offset after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise MalformedError("an integer is truncated")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise MalformedError("an integer has more than ten bytes")
