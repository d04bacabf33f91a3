"""Validation of .tflite files: the part of TensorFlow Lite's schema that image classifiers use.

Schema: tensorflow/compiler/mlir/lite/schema/schema.fbs, version 3. In addition to the FlatBuffer
structure, indices, shapes, constants and quantisation are validated, because the runtimes check few
of them: each operator reads only tensors that are already computed, and the size of each constant
is that of its shape.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fer_sdk.bundles.validation.flatbuffer import Span, Table, root
from fer_sdk.bundles.validation.malformed import MalformedError
from fer_sdk.bundles.validation.tflite_operators import (
    CONSTANT_INPUT,
    OPERATORS,
    Operator,
    Shape,
    check_shapes,
)

MAX_ELEMENTS: Final = 1 << 28
"""Largest number of elements of all tensors together."""

BITS: Final = {
    0: 32, 1: 16, 2: 32, 3: 8, 4: 64, 6: 8, 7: 16, 9: 8, 15: 32, 16: 16, 17: 4,
}  # fmt: skip
"""Bits per element by TensorType; strings, resources and other types are not supported."""

ZERO_POINTS: Final = {2: (0, 0), 3: (0, 255), 4: (0, 0), 7: (0, 0), 9: (-128, 127), 17: (-8, 7)}
"""Smallest and largest zero point by quantised TensorType."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the graph.

    Attributes:
        type: Number of its TensorType.
        shape: Size of each axis.
        constant: Position of its data; count 0 if an operator computes it.
    """

    type: int
    shape: Shape
    constant: Span


def check(data: bytes) -> None:
    """Check that a runtime can read a .tflite file safely.

    Args:
        data: Content of the file.

    Raises:
        MalformedError: If the file is damaged or uses unsupported features; states the first one.
    """
    model = root(data, b"TFL3", "the model", 8)
    if model.integer(0, "u32") != 3:
        raise MalformedError(f"its schema version is {model.integer(0, 'u32')}, not 3")
    model.check_text(3)
    codes = [_operator_code(code) for code in model.tables(1, "an operator code", 4)]
    buffers = [_buffer(data, buffer) for buffer in model.tables(4, "a buffer", 3)]
    graphs = model.tables(2, "the graph", 6)
    if len(graphs) != 1:
        raise MalformedError(f"it has {len(graphs)} graphs, not one")
    if not buffers or buffers[0].count:
        raise MalformedError("its buffer 0, which must be empty, is missing or has data")
    for buffer in model.integers(5, "i32"):
        _index(buffer, len(buffers), "buffer")
    for entry in model.tables(6, "a metadata entry", 2):
        entry.check_text(0)
        _index(entry.integer(1, "u32"), len(buffers), "buffer")
    tensors = _graph(data, graphs[0], codes, buffers)
    for signature in model.tables(7, "a signature", 5):
        _signature(signature, len(tensors))


UNSUPPORTED: Final = {
    7: "EMBEDDING_LOOKUP", 13: "LOCAL_RESPONSE_NORMALIZATION", 36: "GATHER", 49: "SPLIT",
    65: "SLICE", 88: "UNPACK", 94: "FILL", 126: "BATCH_MATMUL",
}  # fmt: skip
"""Names of operators of other networks."""


def _operator_code(code: Table) -> int:
    number = max(code.integer(0, "i8"), code.integer(3, "i32"))
    if code.has(1):
        raise MalformedError("it uses a custom operator")
    if number not in OPERATORS:
        name = UNSUPPORTED.get(number, "unknown")
        raise MalformedError(f"its operator {number} ({name}) is not supported")
    if not 1 <= code.integer(2, "i32", 1) <= 100:
        raise MalformedError(f"an operator has version {code.integer(2, 'i32', 1)}")
    return number


def _buffer(data: bytes, buffer: Table) -> Span:
    # Some writers store the bytes after the tables and state their offset and length.
    start, count = buffer.integer(1, "u64"), buffer.integer(2, "u64")
    span = Span(start, count, 1) if start > 1 else buffer.vector(0, "u8")
    if span.start + span.count > len(data):
        raise MalformedError("a buffer reaches beyond the file")
    return span


def _signature(signature: Table, tensors: int) -> None:
    signature.check_text(2)
    _index(signature.integer(4, "u32"), 1, "graph")
    for field in (0, 1):
        for entry in signature.tables(field, "a signature's tensor", 2):
            entry.check_text(0)
            _index(entry.integer(1, "u32"), tensors, "tensor")


def _graph(data: bytes, graph: Table, codes: Sequence[int], buffers: list[Span]) -> list[Tensor]:
    """Check the graph and return its tensors."""
    graph.check_text(4)
    tensors = [_tensor(table, buffers) for table in graph.tables(0, "a tensor", 11)]
    if sum(math.prod(tensor.shape) for tensor in tensors) > MAX_ELEMENTS:
        raise MalformedError(f"its tensors have over {MAX_ELEMENTS} elements")
    entries, exits = graph.integers(1, "i32"), graph.integers(2, "i32")
    if len(entries) != 1 or len(exits) != 1:
        raise MalformedError(f"it has {len(entries)} inputs and {len(exits)} outputs, not one")
    for number in (*entries, *exits):
        _index(number, len(tensors), "tensor")
    constant = {i for i, tensor in enumerate(tensors) if tensor.constant.count}
    known = constant | set(entries)
    integers: dict[int, tuple[int, ...]] = {}
    if len(known) != len(constant) + 1:
        raise MalformedError("its input is a constant")
    for operator in graph.tables(3, "an operator", 14):
        known.add(_operator(data, operator, codes, tensors, known, integers))
    if exits[0] not in known - constant:
        raise MalformedError("no operator computes its output")
    return tensors


def _tensor(tensor: Table, buffers: list[Span]) -> Tensor:
    tensor.check_text(3)
    kind, shape = tensor.integer(1, "i8"), tensor.integers(0, "i32")
    if kind not in BITS:
        raise MalformedError(f"a tensor is of type {kind}, which no image classifier needs")
    if len(shape) > 6 or any(side < 1 or side > MAX_ELEMENTS for side in shape):
        raise MalformedError(f"a tensor has the shape {shape[:8]}")
    if math.prod(shape) > MAX_ELEMENTS:
        raise MalformedError(f"a tensor has the shape {shape}")
    signature = tensor.integers(7, "i32")
    if signature and (
        len(signature) != len(shape)
        or any(s not in (-1, side) for s, side in zip(signature, shape, strict=True))
    ):
        raise MalformedError(f"a tensor of shape {shape} has the shape signature {signature[:8]}")
    if tensor.flag(5) or any(tensor.has(field) for field in (6, 9, 10)):
        raise MalformedError("a tensor is variable, sparse or stored in another file")
    tensor.flag(8)
    buffer = buffers[_index(tensor.integer(2, "u32"), len(buffers), "buffer")]
    needed = -(-math.prod(shape) * BITS[kind] // 8)
    if buffer.count not in (0, needed):
        raise MalformedError(f"a constant has {buffer.count} bytes for a shape of {needed}")
    if buffer.count and buffer.start % max(1, min(4, BITS[kind] // 8)):
        raise MalformedError("a constant is not aligned")
    quantization = tensor.table(4, "a quantisation", 7)
    if quantization is not None:
        _quantization(quantization, kind, shape)
    return Tensor(kind, shape, buffer)


def _quantization(table: Table, kind: int, shape: Shape) -> None:
    table.vector(0, "f32")
    table.vector(1, "f32")
    scales, zero_points = table.numbers(2, "f32"), table.integers(3, "i64")
    axis = table.integer(6, "i32")
    if table.integer(4, "u8") or table.has(5):
        raise MalformedError("a quantisation has custom details")
    if not scales:
        if zero_points:
            raise MalformedError("a quantisation has zero points, but no scale")
        return
    if len(scales) > 1 and not (0 <= axis < len(shape) and shape[axis] == len(scales)):
        raise MalformedError(f"a quantisation has {len(scales)} scales along axis {axis}")
    if axis and not 0 <= axis < len(shape):
        raise MalformedError(f"a quantisation lies along axis {axis} of {len(shape)}")
    if len(zero_points) not in (1, len(scales)):
        raise MalformedError(
            f"a quantisation has {len(scales)} scales, {len(zero_points)} zero points"
        )
    if not all(1e-20 < scale < 1e6 for scale in scales):
        raise MalformedError("a quantisation's scale is not between 1e-20 and 1e6")
    least, largest = ZERO_POINTS.get(kind, (0, 0))
    if not all(least <= point <= largest for point in zero_points):
        raise MalformedError(f"a quantisation's zero point is not between {least} and {largest}")


def _operator(
    data: bytes,
    operator: Table,
    codes: Sequence[int],
    tensors: list[Tensor],
    known: set[int],
    integers: dict[int, tuple[int, ...]],
) -> int:
    """Check one operator and return the number of the tensor that it computes.

    `integers` holds the values of the tensors that are computed from shapes only.
    """
    code = codes[_index(operator.integer(0, "u32"), len(codes), "operator code")]
    form = OPERATORS[code]
    if any(operator.has(field) for field in (5, 8, 9, 10, 11, 12)) or any(
        operator.integers(7, "bool")
    ):
        raise MalformedError(f"{form.name} has unsupported options")
    inputs, outputs = operator.integers(1, "i32"), operator.integers(2, "i32")
    if len(outputs) != 1 or not form.inputs[0] <= len(inputs) <= form.inputs[1]:
        raise MalformedError(f"{form.name} has {len(inputs)} inputs, {len(outputs)} outputs")
    for number in inputs:
        if number == -1 and form.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            continue  # no bias
        if _index(number, len(tensors), "tensor") not in known:
            raise MalformedError(f"{form.name} reads a tensor that is not yet computed")
    if -1 in inputs[:2]:
        raise MalformedError(f"{form.name} lacks an input")
    written = _index(outputs[0], len(tensors), "tensor")
    if written in known:
        raise MalformedError(f"{form.name} writes a tensor that is already computed")
    kind, options = operator.integer(3, "u8"), operator.table(4, form.name, len(form.options))
    if kind not in (0, form.options_kind) or (kind != 0) != (options is not None):
        raise MalformedError(f"{form.name} has options of kind {kind}, not {form.options_kind}")
    shapes = [tensors[number].shape if number >= 0 else () for number in inputs]
    constant: tuple[int, ...] = ()

    def integers_of(number: int) -> tuple[int, ...]:
        found = integers.get(number)
        return found if found is not None else _small_constant(data, tensors[number], form.name)

    if form.name in ("SHAPE", "STRIDED_SLICE", "PACK"):
        integers[written] = _shape_arithmetic(
            form, form.read(options), [tensors[number] for number in inputs],
            () if form.name == "SHAPE" else tuple(map(integers_of, inputs)), tensors[written],
        )  # fmt: skip
        return written
    if form.name in CONSTANT_INPUT and len(inputs) > 1:
        constant = integers_of(inputs[1])
    check_shapes(form, form.read(options), shapes, constant, tensors[written].shape)
    return written


def _shape_arithmetic(
    form: Operator,
    options: Sequence[float],
    inputs: Sequence[Tensor],
    values: Sequence[tuple[int, ...]],
    output: Tensor,
) -> tuple[int, ...]:
    """Compute what SHAPE, STRIDED_SLICE or PACK returns.

    A Flatten layer of a network without a fixed batch size is written as these three operators and
    a RESHAPE. They are accepted for integers that follow from the stated shapes alone.

    Args:
        form: The operator.
        options: Its options.
        inputs: Its inputs.
        values: Integers in its inputs; empty for SHAPE.
        output: Its output.

    Raises:
        MalformedError: If the stated type or shape of the output is not that of the result.
    """
    shape: Shape
    if form.name == "SHAPE":
        result = inputs[0].shape
        shape = (len(result),)
    elif form.name == "PACK":
        if any(tensor.shape for tensor in inputs) or options[:2] != [len(inputs), 0]:
            raise MalformedError("PACK has other inputs than integers")
        result = tuple(value for (value,) in values)
        shape = (len(result),)
    else:
        if any(len(tensor.shape) != 1 for tensor in inputs) or any(len(v) != 1 for v in values[1:]):
            raise MalformedError("STRIDED_SLICE has other inputs than integers of one axis")
        (begin,), (end,), (step,) = values[1:]
        if step == 0:
            raise MalformedError("STRIDED_SLICE has a step of 0")
        begin_mask, end_mask, *_, shrink = (int(option) & 1 for option in options[:5])
        if shrink:
            result = values[0][begin : begin + 1] if begin >= 0 else values[0][begin:][:1]
            shape = ()
        else:
            result = values[0][None if begin_mask else begin : None if end_mask else end : step]
            shape = (len(result),)
    if output.type not in (2, 4) or output.shape != shape or not result:
        raise MalformedError(f"{form.name} cannot return {output.shape} of type {output.type}")
    return result


def _small_constant(data: bytes, tensor: Tensor, name: str) -> tuple[int, ...]:
    """Read a shape, axes or paddings: integers that are constants of the graph."""
    width = {2: 4, 4: 8}.get(tensor.type)
    if width is None or not 0 < tensor.constant.count <= 256:
        raise MalformedError(f"{name} needs constant integers as its second input")
    at = tensor.constant.start
    return tuple(
        int.from_bytes(data[i : i + width], "little", signed=True)
        for i in range(at, at + tensor.constant.count, width)
    )


def _index(number: int, count: int, what: str) -> int:
    if not 0 <= number < count:
        raise MalformedError(f"there is no {what} {number}")
    return number
