"""How many multiply-accumulates a .tflite model takes."""

from pathlib import Path
from typing import Final

import numpy as np

from fer_sdk.native_log import caught_native_log

# Axis of the kernel that holds the output channels.
_OUTPUTS: Final = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": -1, "FULLY_CONNECTED": 0}


def count_products(model: Path) -> int:
    """Return the multiply-accumulates of convolutions and dense layers for one face."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with caught_native_log():
        interpreter = Interpreter(
            model_content=model.read_bytes(),
            # Without XNNPACK, which would hide the operators that it takes.
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
    shapes = {tensor["index"]: tensor["shape"] for tensor in interpreter.get_tensor_details()}
    products = 0
    for op in interpreter._get_ops_details():
        if op["op_name"] in _OUTPUTS:
            kernel, result = shapes[op["inputs"][1]], shapes[op["outputs"][0]]
            products += int(np.prod(result) * np.prod(kernel) // kernel[_OUTPUTS[op["op_name"]]])
    return products
