"""YuNet's ONNX graph, rebuilt in TensorFlow so that the converted file takes images of any size.

The two nearest-neighbour enlargements are a concatenation of four copies and a depth-to-space
operation, because TensorFlow Lite's resize stores a fixed size. The four branches of each head
become one, 16 channels wide, which gives the same numbers in fewer operators.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from fer_sdk.bundles.detector import COLUMNS, STRIDES
from fer_sdk.errors import InputError, first_line

BRANCHES: Final = ("cls", "obj", "bbox", "kps")
"""Outputs of the ONNX file for each stride, in the order of the columns."""

Weights = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Step:
    """A node of the graph before the heads.

    Attributes:
        operator: ONNX operator: "Conv", "Relu", "MaxPool", "Resize" or "Add".
        inputs: Names of the tensors that it reads, without weights.
        output: Name of the tensor that it computes.
        weights: Weights and bias of a convolution, as in the ONNX file; else empty.
        stride: Stride of a convolution.
    """

    operator: str
    inputs: tuple[str, ...]
    output: str
    weights: tuple[Weights, ...] = ()
    stride: int = 1


@dataclass(frozen=True, slots=True)
class Head:
    """The last two convolutions of one stride, all four branches together.

    Attributes:
        source: Name of the tensor that it reads.
        between: Name of the tensor between both convolutions.
        pointwise: Weights (16, channels, 1, 1) and bias (16,) of the first.
        depthwise: Weights (16, 1, 3, 3) and bias (16,) of the second.
    """

    source: str
    between: str
    pointwise: tuple[Weights, Weights]
    depthwise: tuple[Weights, Weights]

    def scaled(self, between: Weights, after: Weights) -> "Head":
        """Return the head with the outputs of both convolutions divided by factors, (16,) each."""
        (first, first_bias), (second, second_bias) = self.pointwise, self.depthwise
        column = (-1, 1, 1, 1)
        return replace(
            self,
            pointwise=(first / between.reshape(column), first_bias / between),
            depthwise=(second * (between / after).reshape(column), second_bias / after),
        )


@dataclass(frozen=True, slots=True)
class Network:
    """YuNet.

    Attributes:
        steps: Nodes before the heads, in the order of the file.
        heads: One for each stride of `STRIDES`.
    """

    steps: tuple[Step, ...]
    heads: tuple[Head, ...]

    def apply(self, image: Any) -> Any:
        """Return the rows that `fer_sdk.bundles.detector` defines; with tensors of TensorFlow.

        Args:
            image: float32 (1, height, width, 3), range [0, 255], BGR, sides in multiples of 32.
        """
        tensors = self.tensors(image)
        rows = []
        for head in self.heads:
            found = _convolution(tensors[head.between], head.depthwise, 1)
            rows.append(tf.reshape(found, [1, -1, COLUMNS]))
        return tf.concat(rows, axis=1)

    def tensors(self, image: Any) -> dict[str, Any]:
        """Return every tensor before the last convolutions by name; the image is the first."""
        tensors = {self.steps[0].inputs[0]: image}
        for step in self.steps:
            tensors[step.output] = _apply(step, [tensors[name] for name in step.inputs])
        for head in self.heads:
            tensors[head.between] = _convolution(tensors[head.source], head.pointwise, 1)
        return tensors


def read_network(path: Path) -> Network:
    """Read YuNet from an ONNX file.

    Args:
        path: File of the authors' training code (libfacedetection.train) or of OpenCV Zoo.

    Raises:
        InputError: If the file is missing, not an ONNX file, or another network.
    """
    import onnx

    try:
        graph = onnx.load(str(path)).graph
    except FileNotFoundError as error:
        raise InputError(f"no ONNX file at {path}") from error
    except Exception as error:  # protobuf's errors have no public base class
        raise InputError(f"{path} is not a readable ONNX file: {first_line(error)}") from error
    weights = {
        tensor.name: np.asarray(onnx.numpy_helper.to_array(tensor)) for tensor in graph.initializer
    }
    makers = {name: node for node in graph.node for name in node.output}
    try:
        heads = tuple(_head(stride, makers, weights) for stride in STRIDES)
        needed = _needed([head.source for head in heads], makers, weights)
        steps = tuple(_step(node, weights) for node in graph.node if set(node.output) & needed)
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(
            f"{path} is not YuNet: {first_line(error)}; expected the outputs "
            f"{', '.join(f'{branch}_8' for branch in BRANCHES)} and those of strides 16 and 32"
        ) from error
    return Network(steps, heads)


def _head(stride: int, makers: dict[str, Any], weights: dict[str, Weights]) -> Head:
    """Join the branches of a head; each ends in a pointwise and a depthwise convolution."""
    pairs = []
    for branch in BRANCHES:
        last = makers[f"{branch}_{stride}"]
        while last.op_type != "Conv":
            if last.op_type not in ("Sigmoid", "Reshape", "Transpose"):
                raise ValueError(f"{branch}_{stride} is computed by {last.op_type}")
            last = makers[last.input[0]]
        pairs.append((makers[last.input[0]], last))
    sources = {first.input[0] for first, _ in pairs}
    if len(sources) != 1 or any(first.op_type != "Conv" for first, _ in pairs):
        raise ValueError(f"the branches of stride {stride} do not share their input")
    joined = [
        tuple(np.concatenate([weights[pair[place].input[which]] for pair in pairs])
              for which in (1, 2))
        for place in (0, 1)
    ]  # fmt: skip
    pointwise, depthwise = ((kernel, bias) for kernel, bias in joined)
    shapes = pointwise[0].shape[0], pointwise[0].shape[2:], depthwise[0].shape
    if shapes != (COLUMNS, (1, 1), (COLUMNS, 1, 3, 3)):
        raise ValueError(f"a head has the shapes {shapes}")
    return Head(sources.pop(), f"head_{stride}", pointwise, depthwise)


def _needed(names: list[str], makers: dict[str, Any], weights: dict[str, Weights]) -> set[str]:
    """Return all computed tensors that the named ones depend on, with themselves."""
    needed: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name in makers and name not in needed:
            needed.add(name)
            left += [source for source in makers[name].input if source not in weights]
    return needed


def _step(node: Any, weights: dict[str, Weights]) -> Step:
    """Check a node and return it as a `Step`."""
    import onnx

    options = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    inputs = tuple(name for name in node.input if name not in weights)
    constants = tuple(weights[name] for name in node.input if name in weights)
    expected: dict[str, dict[str, Any]] = {
        "Relu": {},
        "Add": {},
        "MaxPool": {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 0, 0]},
        "Resize": {"mode": b"nearest", "nearest_mode": b"floor",
                   "coordinate_transformation_mode": b"asymmetric"},
        "Conv": {"dilations": [1, 1]},
    }  # fmt: skip
    if node.op_type not in expected:
        raise ValueError(f"operator {node.op_type} is not one of YuNet's")
    for name, value in expected[node.op_type].items():
        if options.get(name) != value:
            raise ValueError(f"{node.op_type} has {name} {options.get(name)}, not {value}")
    if node.op_type == "Resize":
        if constants[-1].tolist() != [1, 1, 2, 2]:
            raise ValueError(f"Resize has the scales {constants[-1].tolist()}")
        return Step("Resize", inputs[:1], node.output[0])
    if node.op_type != "Conv":
        return Step(node.op_type, inputs, node.output[0])
    kernel = constants[0]
    depthwise = kernel.shape[1] == 1 and options["group"] == kernel.shape[0]
    side, stride = kernel.shape[2], options["strides"][0]
    if options["strides"] != [stride, stride] or options["pads"] != [side // 2] * 4:
        raise ValueError(f"Conv has strides {options['strides']} and pads {options['pads']}")
    if not depthwise and options["group"] != 1:
        raise ValueError(f"Conv has {options['group']} groups")
    return Step("Conv", inputs, node.output[0], constants, stride)


def _apply(step: Step, inputs: list[Any]) -> Any:
    if step.operator == "Relu":
        return tf.nn.relu(inputs[0])
    if step.operator == "Add":
        return inputs[0] + inputs[1]
    if step.operator == "MaxPool":
        return tf.nn.max_pool2d(inputs[0], 2, 2, "VALID")
    if step.operator == "Resize":
        return tf.nn.depth_to_space(tf.concat([inputs[0]] * 4, axis=-1), 2)
    return _convolution(inputs[0], step.weights, step.stride)


def _convolution(tensor: Any, weights: tuple[Weights, ...], stride: int) -> Any:
    """Convolve as the ONNX operator does, with weights in its order of axes."""
    kernel, bias = weights
    padding = "SAME"
    if stride > 1:  # TensorFlow's "SAME" would pad at the right and bottom only
        side = kernel.shape[2] // 2
        tensor = tf.pad(tensor, [[0, 0], [side, side], [side, side], [0, 0]])
        padding = "VALID"
    if kernel.shape[1] == 1:
        filters = np.ascontiguousarray(kernel.transpose(2, 3, 0, 1))
        found = tf.nn.depthwise_conv2d(tensor, filters, [1, stride, stride, 1], padding)
    else:
        filters = np.ascontiguousarray(kernel.transpose(2, 3, 1, 0))
        found = tf.nn.conv2d(tensor, filters, stride, padding)
    return tf.nn.bias_add(found, bias)
