"""A fixed input size for a face detector's .tflite file, as required by CompiledModel."""

from typing import Any

import numpy as np

from fer_sdk.errors import BundleError, first_line


def with_input_hw(data: bytes, height: int, width: int) -> bytes:
    """Return the same network with another stored input size.

    Only the stored sizes of tensors change, each within the bytes that it has. The Interpreter can
    resize the input of the result again; LiteRT's CompiledModel and LiteRT.js cannot.

    Args:
        data: A .tflite file whose input is (1, height, width, channels) and whose operators store
            no sizes, as `fer-convert detector` writes it.
        height: Height of the input in pixels.
        width: Width of the input in pixels.

    Raises:
        BundleError: If the network cannot run at this size.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # A delegate would hide the tensors inside its part of the network.
    interpreter = Interpreter(
        model_content=data,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    (given,) = interpreter.get_input_details()
    try:
        interpreter.resize_tensor_input(given["index"], (1, height, width, given["shape"][3]))
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise BundleError(
            f"the detector cannot take {width}x{height} pixels: {first_line(error)}"
        ) from error
    sizes = {tensor["index"]: tensor["shape"] for tensor in interpreter.get_tensor_details()}
    changed = bytearray(data)
    graph: Any = schema.Model.GetRootAs(changed, 0).Subgraphs(0)
    for number in range(graph.TensorsLength()):
        stored: Any = graph.Tensors(number).ShapeAsNumpy()  # memory of `changed`; 0 for a scalar
        if isinstance(stored, np.ndarray):
            stored[:] = sizes[number]
    return bytes(changed)
