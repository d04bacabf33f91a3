"""Runs on the emulated processor: `emulated_answers.py MODEL ANSWERS`.

Writes JSON with where LiteRT's code and the mark lie in memory, then has the model answer. Each
answer stands between two calls of the mark, a function of the C library that nothing else calls.
"""

import ctypes
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main(model: str, answers: int) -> None:
    """Load a model and let it answer about one grey ramp again and again."""
    interpreter = Interpreter(model_content=Path(model).read_bytes(), num_threads=1)
    interpreter.allocate_tensors()
    entry = interpreter.get_input_details()[0]
    ramp = np.arange(np.prod(entry["shape"])).reshape(entry["shape"]) % 256
    mark = ctypes.CDLL(None).a64l
    code = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, rights, *_, name = line.split()
        if "x" in rights and "/ai_edge_litert/" in name:
            low, high = span.split("-")
            code.append([int(low, 16), int(high, 16), Path(name).name])
    address = ctypes.cast(mark, ctypes.c_void_p).value
    sys.stdout.write(json.dumps({"mark": address, "code": code}))
    for _ in range(answers):
        interpreter.set_tensor(entry["index"], ramp.astype(entry["dtype"]))
        mark(b"")
        interpreter.invoke()
        mark(b"")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
