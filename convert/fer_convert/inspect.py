"""What is inside a .tflite file."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


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
    """Read a .tflite file's tensors and operators, without XNNPACK so that all are seen.

    Args:
        path: A file that LiteRT can load.
    """
    from ai_edge_litert.interpreter import OpResolverType

    interpreter = Interpreter(
        model_path=str(path),
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
