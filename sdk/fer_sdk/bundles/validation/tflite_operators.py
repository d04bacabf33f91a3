"""TensorFlow Lite operators of image classifiers: their options and output shapes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fer_sdk.bundles.validation.flatbuffer import Kind, Table
from fer_sdk.bundles.validation.malformed import MalformedError

Shape = tuple[int, ...]

MAX_MULTIPLICATIONS: Final = 1 << 36
"""Limit of one convolution, thousands of times those of an expression model."""


@dataclass(frozen=True, slots=True)
class Option:
    """Type, range and default of an operator's option."""

    kind: Kind
    least: float
    largest: float
    default: float = 0


PADDING: Final = Option("i8", 0, 1)
ACTIVATION: Final = Option("i8", 0, 5)
STRIDE: Final = Option("i32", 1, 1024)
DILATION: Final = Option("i32", 1, 1024, default=1)
AXIS: Final = Option("i32", -6, 5)
FLAG: Final = Option("bool", 0, 1)
NO: Final = Option("bool", 0, 0)
ZERO: Final = Option("i8", 0, 0)
TYPE: Final = Option("i8", 0, 20)
FACTOR: Final = Option("f32", -1e6, 1e6)
MASK: Final = Option("i32", 0, 1)
NONE: Final = Option("i32", 0, 0)
NEW_SHAPE: Final = None
"""Option that is a vector of up to six integers; read as 0."""


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of TensorFlow Lite.

    Attributes:
        name: Name in the schema.
        options_kind: Number in the schema's union BuiltinOptions.
        inputs: Smallest and largest number of inputs.
        options: Options in the order of the schema.
    """

    name: str
    options_kind: int
    inputs: tuple[int, int]
    options: tuple[Option | None, ...] = ()

    def read(self, given: Table | None) -> list[float]:
        """Read the options, with defaults for absent ones.

        Raises:
            MalformedError: If an option is out of its range.
        """
        found: list[float] = []
        for place, option in enumerate(self.options):
            if option is None:
                if given is not None and given.vector(place, "i32").count > 6:
                    raise MalformedError(f"{self.name} has a shape of more than six axes")
                found.append(0)
                continue
            value = option.default
            if given is not None:
                value = given.number(place, option.kind, option.default)
            if not option.least <= value <= option.largest:  # also rejects NaN
                raise MalformedError(f"option {place} of {self.name} is {value}")
            found.append(value)
        return found


_POOL: Final = (PADDING, STRIDE, STRIDE, STRIDE, STRIDE, ACTIVATION)
_ADD: Final = (ACTIVATION, FLAG)

OPERATORS: Final[dict[int, Operator]] = {
    0: Operator("ADD", 11, (2, 2), _ADD),
    1: Operator("AVERAGE_POOL_2D", 5, (1, 1), _POOL),
    2: Operator("CONCATENATION", 10, (1, 64), (AXIS, ACTIVATION)),
    3: Operator("CONV_2D", 1, (2, 3),
                (PADDING, STRIDE, STRIDE, ACTIVATION, DILATION, DILATION, TYPE)),
    4: Operator("DEPTHWISE_CONV_2D", 2, (2, 3),
                (PADDING, STRIDE, STRIDE, STRIDE, ACTIVATION, DILATION, DILATION)),
    5: Operator("DEPTH_TO_SPACE", 94, (1, 1), (Option("i32", 2, 16),)),
    6: Operator("DEQUANTIZE", 38, (1, 1)),
    9: Operator("FULLY_CONNECTED", 8, (2, 3), (ACTIVATION, ZERO, FLAG, FLAG, TYPE)),
    14: Operator("LOGISTIC", 0, (1, 1)),
    17: Operator("MAX_POOL_2D", 5, (1, 1), _POOL),
    18: Operator("MUL", 21, (2, 2), (ACTIVATION,)),
    19: Operator("RELU", 0, (1, 1)),
    21: Operator("RELU6", 0, (1, 1)),
    22: Operator("RESHAPE", 17, (1, 2), (NEW_SHAPE,)),
    23: Operator("RESIZE_BILINEAR", 15, (2, 2), (NO, NO, FLAG, FLAG)),
    25: Operator("SOFTMAX", 9, (1, 1), (FACTOR,)),
    28: Operator("TANH", 0, (1, 1)),
    34: Operator("PAD", 22, (2, 2)),
    39: Operator("TRANSPOSE", 26, (2, 2)),
    40: Operator("MEAN", 27, (2, 2), (FLAG,)),
    41: Operator("SUB", 28, (2, 2), _ADD),
    42: Operator("DIV", 29, (2, 2), (ACTIVATION,)),
    43: Operator("SQUEEZE", 30, (1, 1), (NEW_SHAPE,)),
    45: Operator("STRIDED_SLICE", 32, (4, 4), (MASK, MASK, NONE, NONE, MASK, NO)),
    47: Operator("EXP", 33, (1, 1)),
    53: Operator("CAST", 37, (1, 1), (TYPE, TYPE)),
    54: Operator("PRELU", 0, (2, 2)),
    55: Operator("MAXIMUM", 39, (2, 2)),
    57: Operator("MINIMUM", 39, (2, 2)),
    59: Operator("NEG", 42, (1, 1)),
    60: Operator("PADV2", 43, (3, 3)),
    70: Operator("EXPAND_DIMS", 52, (2, 2)),
    74: Operator("SUM", 27, (2, 2), (FLAG,)),
    75: Operator("SQRT", 0, (1, 1)),
    76: Operator("RSQRT", 0, (1, 1)),
    77: Operator("SHAPE", 55, (1, 1), (TYPE,)),
    78: Operator("POW", 56, (2, 2)),
    82: Operator("REDUCE_MAX", 27, (2, 2), (FLAG,)),
    83: Operator("PACK", 59, (1, 64), (Option("i32", 1, 64), Option("i32", 0, 0))),
    92: Operator("SQUARE", 66, (1, 1)),
    97: Operator("RESIZE_NEAREST_NEIGHBOR", 74, (2, 2), (FLAG, FLAG)),
    98: Operator("LEAKY_RELU", 75, (1, 1), (FACTOR,)),
    99: Operator("SQUARED_DIFFERENCE", 76, (2, 2)),
    100: Operator("MIRROR_PAD", 77, (2, 2), (PADDING,)),
    101: Operator("ABS", 78, (1, 1)),
    111: Operator("ELU", 0, (1, 1)),
    114: Operator("QUANTIZE", 89, (1, 1)),
    117: Operator("HARD_SWISH", 91, (1, 1)),
    150: Operator("GELU", 116, (1, 1), (FLAG,)),
}  # fmt: skip
"""Operators by number in the schema's enum BuiltinOperator."""

CONSTANT_INPUT: Final = {
    "EXPAND_DIMS", "MEAN", "MIRROR_PAD", "PAD", "PADV2", "REDUCE_MAX", "RESHAPE", "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR", "SUM", "TRANSPOSE",
}  # fmt: skip
"""Operators whose second input must be constant: a shape, axes or paddings."""


def check_shapes(
    operator: Operator,
    options: Sequence[float],
    inputs: Sequence[Shape],
    constant: Sequence[int],
    output: Shape,
) -> None:
    """Check that an operator's output shape follows from its inputs and options.

    Args:
        operator: The operator.
        options: Its options.
        inputs: Shapes of its inputs; () for an omitted one.
        constant: Values of its second input if the operator is in `CONSTANT_INPUT`.
        output: Stated shape of its output.

    Raises:
        MalformedError: If the shapes do not match.
    """
    name, integers = operator.name, [int(option) for option in options]
    if name in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        fits = _fits_convolution(name, integers, inputs, output)
    elif name in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
        padding, across, down, width, height, _ = integers
        window = _window(inputs[0], (height, width), (down, across), (1, 1), padding)
        fits = window is not None and output == (inputs[0][0], *window, inputs[0][3])
    elif name == "FULLY_CONNECTED":
        fits = _fits_dense(integers, inputs, output)
    elif name in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS"):
        stated = [side for side in constant if side != -1] if name == "RESHAPE" else [1]
        fits = math.prod(inputs[0]) == math.prod(output) and (
            all(side > 0 for side in stated) and math.prod(output) % math.prod(stated) == 0
        )
    elif name in ("PAD", "PADV2", "MIRROR_PAD"):
        fits = _fits_padding(name, inputs, constant, output)
    elif name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
        image = inputs[0]
        fits = len(image) == 4 and output == (image[0], *constant, image[3])
    elif name == "DEPTH_TO_SPACE":
        fits = _fits_depth_to_space(integers[0], inputs[0], output)
    elif name == "TRANSPOSE":
        rank = len(inputs[0])
        fits = sorted(constant) == list(range(rank)) and output == tuple(
            inputs[0][axis] for axis in constant
        )
    elif name in ("MEAN", "SUM", "REDUCE_MAX"):
        fits = _fits_reduction(bool(integers[0]), inputs[0], constant, output)
    elif name == "CONCATENATION":
        fits = _fits_concatenation(integers[0], inputs, output)
    else:
        fits = output == _broadcast(inputs)
    if not fits:
        raise MalformedError(f"{name} of {', '.join(map(str, inputs[:4]))} cannot return {output}")


def _window(
    image: Shape, size: Shape, stride: Shape, dilation: Shape, padding: int
) -> tuple[int, int] | None:
    """Return height and width of a sliding window's output; None if the window does not fit."""
    if len(image) != 4:
        return None
    sides = []
    for side, window, step, gap in zip(image[1:3], size, stride, dilation, strict=True):
        reach = (window - 1) * gap + 1
        sides.append(-(-side // step) if padding == 0 else (side - reach) // step + 1)
        if padding == 1 and reach > side:
            return None
    return sides[0], sides[1]


def _fits_convolution(
    name: str, options: list[int], inputs: Sequence[Shape], output: Shape
) -> bool:
    image, filters = inputs[:2]
    padding, across, down = options[:3]
    if len(image) != 4 or len(filters) != 4:
        return False
    if name == "CONV_2D":
        dilation = options[5], options[4]
        channels = filters[0]
        fits = image[3] % filters[3] == 0 and channels % (image[3] // filters[3]) == 0
    else:
        dilation = options[6], options[5]
        channels = filters[3]
        fits = filters[0] == 1 and channels == image[3] * options[3]
    window = _window(image, filters[1:3], (down, across), dilation, padding)
    if math.prod(output) * math.prod(filters) // channels > MAX_MULTIPLICATIONS:
        raise MalformedError(f"{name} has more than {MAX_MULTIPLICATIONS} multiplications")
    return fits and _fits_bias(inputs, channels) and (
        window is not None and output == (image[0], *window, channels)
    )  # fmt: skip


def _fits_dense(options: list[int], inputs: Sequence[Shape], output: Shape) -> bool:
    if len(inputs[1]) != 2:
        return False
    units, depth = inputs[1]
    rows = inputs[0][:-1] if options[2] else (math.prod(inputs[0]) // depth,)
    return (
        bool(inputs[0])
        and (math.prod(inputs[0]) % depth == 0 if not options[2] else inputs[0][-1] == depth)
        and _fits_bias(inputs, units)
        and output == (*rows, units)
    )


def _fits_bias(inputs: Sequence[Shape], channels: int) -> bool:
    return len(inputs) < 3 or inputs[2] in ((), (channels,))


def _fits_padding(
    name: str, inputs: Sequence[Shape], constant: Sequence[int], output: Shape
) -> bool:
    rank = len(inputs[0])
    if inputs[1] != (rank, 2) or min(constant) < 0 or len(output) != rank:
        return False
    pairs = list(zip(constant[::2], constant[1::2], strict=True))
    if name == "MIRROR_PAD" and any(
        max(pair) >= side for pair, side in zip(pairs, inputs[0], strict=True)
    ):
        return False
    return output == tuple(side + sum(pair) for side, pair in zip(inputs[0], pairs, strict=True))


def _fits_reduction(keep: bool, image: Shape, constant: Sequence[int], output: Shape) -> bool:
    rank = len(image)
    if not all(-rank <= axis < rank for axis in constant):
        return False
    axes = {axis % rank for axis in constant}
    kept = [1 if axis in axes else side for axis, side in enumerate(image)]
    return output == tuple(side for axis, side in enumerate(kept) if keep or axis not in axes)


def _fits_depth_to_space(side: int, image: Shape, output: Shape) -> bool:
    return (
        len(image) == 4
        and image[3] % side**2 == 0
        and output == (image[0], image[1] * side, image[2] * side, image[3] // side**2)
    )


def _fits_concatenation(axis: int, inputs: Sequence[Shape], output: Shape) -> bool:
    rank = len(output)
    if not -rank <= axis < rank or any(len(shape) != rank for shape in inputs):
        return False
    axis %= rank
    others = {(*shape[:axis], *shape[axis + 1 :]) for shape in (*inputs, output)}
    return len(others) == 1 and sum(shape[axis] for shape in inputs) == output[axis]


def _broadcast(shapes: Sequence[Shape]) -> Shape | None:
    """Return the shape of an elementwise result; None if the shapes do not match."""
    rank = max(map(len, shapes))
    sides = []
    for column in zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True):
        largest = max(column)
        if any(side not in (1, largest) for side in column):
            return None
        sides.append(largest)
    return tuple(sides)
