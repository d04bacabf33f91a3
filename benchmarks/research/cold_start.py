"""Cold start of the SDK compared with TensorFlow's interpreter, in fresh processes.

    python -m research.cold_start [PHOTO]

Time covers the import, loading of the default model and one prediction; memory is the peak of the
process (VmHWM, Linux). Runs are interleaved; minimum and median are printed. Without PHOTO, only a
face crop is classified.
"""

import statistics
from pathlib import Path
from typing import Final

import click

from fer_bench.backends.subprocess import PEAK_MB, run_fresh
from fer_sdk.bundles.registry import DEFAULT_MODEL, find_model
from fer_sdk.cli.console import FerCommand

RUNS: Final = 7

_REPORT: Final = """
import json
print(json.dumps({"seconds": time.perf_counter() - began, "peak_mb": peak_mb()}))
"""
_SDK_CROP: Final = """
import time; began = time.perf_counter()
import numpy as np
from fer_sdk import ExpressionClassifier
classifier = ExpressionClassifier.load(MODEL)
classifier.classify([np.zeros((48, 48), np.uint8)], color="grey")
"""
_SDK_PHOTO: Final = """
import time; began = time.perf_counter()
from pathlib import Path
from fer_sdk import ExpressionRecognizer, read_photo
recognizer = ExpressionRecognizer(MODEL)
recognizer.recognize(read_photo(Path(PHOTO)), color="bgr")
"""
_TENSORFLOW: Final = """
import time; began = time.perf_counter()
import numpy as np, warnings
warnings.simplefilter("ignore")
import tensorflow as tf
interpreter = tf.lite.Interpreter(MODEL)
interpreter.allocate_tensors()
entry = interpreter.get_input_details()[0]["index"]
interpreter.set_tensor(entry, np.zeros((1, 48, 48, 1), np.uint8))
interpreter.invoke()
interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
"""


@click.command(cls=FerCommand)
@click.argument("photo", required=False, type=click.Path(exists=True, path_type=Path))
def main(photo: Path | None) -> None:
    """Print time and peak memory up to the first prediction."""
    rows = {"fer_sdk, a face crop": _SDK_CROP}
    if photo is not None:
        rows["fer_sdk, a photo"] = _SDK_PHOTO
    rows["tf.lite.Interpreter, a face crop"] = _TENSORFLOW
    found: dict[str, list[dict[str, float]]] = {name: [] for name in rows}
    for _ in range(RUNS):
        for name, program in rows.items():
            found[name].append(_run(program, photo))
    click.echo(f"{'up to the first prediction':<36}{'min s':>9}{'median s':>10}{'peak MiB':>9}")
    for name, results in found.items():
        seconds = [result["seconds"] for result in results]
        peak = max(result["peak_mb"] for result in results)
        click.echo(f"{name:<36}{min(seconds):>9.2f}{statistics.median(seconds):>10.2f}{peak:>9.0f}")


def _run(program: str, photo: Path | None) -> dict[str, float]:
    settings = f"MODEL, PHOTO = {str(find_model(DEFAULT_MODEL))!r}, {str(photo)!r}\n"
    return run_fresh(["-c", PEAK_MB + settings + program + _REPORT])


if __name__ == "__main__":
    main()
