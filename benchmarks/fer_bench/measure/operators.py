"""Time of each operator of a model, measured by the runtime's own profiler."""

import json
import re
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.backends.subprocess import run_fresh
from fer_bench.results.schema import Operator
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.runtimes import onnx
from fer_sdk.runtimes.onnx import OnnxSession

RUNS: Final = 300
_ROW: Final = re.compile(
    r"^\s*(?P<kind>\S.*?)\s+[\d.]+\s+[\d.]+\s+(?P<ms>[\d.]+)\s+[\d.]+%\s+[\d.]+%\s+[\d.]+\s+\d+"
    r"\s+(?P<name>\S.*)$"
)


def can_profile(model: Path, delegate: str) -> bool:
    """Return whether a model can be profiled on a delegate."""
    return delegate in (("cpu", "xnnpack") if model.suffix == ".tflite" else ("cpu", "onnx"))


def profile_operators(model: Path, faces: NDArray[np.uint8]) -> tuple[Operator, ...]:
    """Profile a model on one CPU thread.

    LiteRT reports microseconds rounded down: operators faster than 1 us are reported as 0.

    Args:
        model: .tflite or .onnx file.
        faces: uint8 (n, height, width), range [0, 255], for .onnx files; LiteRT runs on
            an empty input.

    Raises:
        RuntimeFailure: If the profiler fails with the installed version of the runtime.
    """
    if model.suffix == ".onnx":
        return _profile_onnx(model, faces)
    done = run_fresh(["-m", "fer_bench.backends.litert_profile", str(model), str(RUNS)])
    return parse_summary(str(done["summary"]))


def parse_summary(text: str) -> tuple[Operator, ...]:
    """Parse the table "Run Order" of LiteRT's summary; empty if there is none."""
    _, _, rest = text.partition("Run Order")
    table, _, _ = rest.partition("Top by Computation Time")
    rows = [row for row in map(_ROW.match, table.splitlines()) if row]
    return tuple(
        Operator(row["name"], row["kind"].removeprefix("Delegate/"), 1000 * float(row["ms"]))
        for row in rows
    )


def _profile_onnx(model: Path, faces: NDArray[np.uint8]) -> tuple[Operator, ...]:
    onnxruntime = onnx.load_onnxruntime()
    with tempfile.TemporaryDirectory() as folder:
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        with captured_native_log():
            session = OnnxSession(onnxruntime, model, 1, options=options)
            for number in range(RUNS):
                session.run(faces[number % len(faces)][None])
            written = session.end_profiling()
            session.close()
        events = json.loads(Path(written).read_text(encoding="utf-8"))
    times: dict[tuple[str, str], float] = defaultdict(float)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            name = event["name"].removesuffix("_kernel_time")
            times[name, event["args"]["op_name"]] += event["dur"]
    return tuple(Operator(name, kind, us / RUNS) for (name, kind), us in times.items())
