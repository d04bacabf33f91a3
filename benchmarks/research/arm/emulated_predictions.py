"""Program that runs on the emulated processor: `emulated_predictions.py MODEL COUNT`.

It prints the addresses of LiteRT's code and of a marker function as JSON, then runs the model COUNT
times. Each inference is enclosed by two calls of the marker, a C library function that nothing else
calls.
"""

import ctypes
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def main(model: str, count: int) -> None:
    """Load a .tflite model and run it on a grey ramp.

    Args:
        model: Path of the file.
        count: Number of inferences.
    """
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
    for _ in range(count):
        interpreter.set_tensor(entry["index"], ramp.astype(entry["dtype"]))
        mark(b"")
        interpreter.invoke()
        mark(b"")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
