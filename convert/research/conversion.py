"""Size, accuracy and latency of each converted file: writes docs/results/conversion.md.

    python -m research.conversion --tflite-python .venv-tflite/bin/python

Needs an imported FER2013 and the extra `convert`. The latencies need an otherwise idle machine.
"""

import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from numpy.typing import NDArray

from fer_convert.cli.options import (
    SAMPLES_OPTION,
    conversion_data_for,
    newest_trained,
    require_converters,
)
from fer_convert.settings import INT8, Settings, Target
from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import write_beside
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.errors import InputError, RuntimeFailure

if TYPE_CHECKING:
    from fer_convert.conversion_data import ConversionData

FLOAT: Target = ("float32", ".tflite")

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """Measurements of one file on all deduplicated faces of PublicTest.

    Attributes:
        name: File name.
        size_bytes: File size.
        accuracy: Accuracy, 0 to 1.
        agreement: Share of faces with the float model's label, 0 to 1.
        largest_difference: Largest difference of a probability from the float model.
        face_ms: Median latency of a face through the SDK on one thread, in milliseconds.
        convert_s: Duration of the conversion including calibration, in seconds.
    """

    name: str
    size_bytes: int
    accuracy: float
    agreement: float
    largest_difference: float
    face_ms: float
    convert_s: float


@dataclass(frozen=True, slots=True)
class Measurements:
    """Content of the page.

    Attributes:
        model: The float model.
        faces: Number of deduplicated faces of PublicTest.
        float_accuracy: Accuracy of the Keras model on these faces, 0 to 1.
        rows: One row per converted file.
        engines: One row per quantization engine, for an int8 file with int8 input and output.
        float_differences: Largest difference of a probability for each pair of float32 runtimes.
        int8_agreements: Share of faces with the same label for each pair of int8 runtimes.
        compared: Number of parity faces, on which the runtimes were compared.
        command_s: Duration of `fer-convert --int8`, the entire process, in seconds.
        stages: Durations of the stages as the command prints them.
        missing: What could not be measured, and why.
    """

    model: Path
    faces: int
    float_accuracy: float
    rows: tuple[Row, ...]
    engines: tuple[Row, ...]
    float_differences: dict[str, float]
    int8_agreements: dict[str, float]
    compared: int
    command_s: float
    stages: str
    missing: tuple[str, ...]


def measure(
    model: Path,
    data: Path,
    conversion_data: "ConversionData",
    tflite_python: Path | None,
    on_stage: Callable[[str], None] = lambda stage: None,
) -> Measurements:
    """Convert to every target and measure each file on the deduplicated faces of PublicTest.

    Args:
        model: A `.keras` file with its sidecar.
        data: Path of the imported FER2013.
        conversion_data: Conversion data with FER2013.
        tflite_python: Python of an environment with the extra `tflite-runtime`, or None.
        on_stage: Receives the name of each stage when it starts.

    Raises:
        InputError: If FER2013 has not been imported.
        FerError: As `fer_convert.convert.convert`.
    """
    from fer_convert.convert import CALIBRATED, UNCALIBRATED, convert
    from fer_convert.export import load_trained
    from fer_convert.parity_faces import other_public_test_faces
    from fer_convert.stage_timer import StageTimer

    if conversion_data.dataset is None:
        raise InputError("measuring conversions needs an imported FER2013")
    source = ModelBundle.load(model)
    parts = (
        conversion_data.parity_faces,
        other_public_test_faces(
            conversion_data.dataset,
            source.input,
            source.labels,
            ferplus_votes=source.ferplus_votes,
        ),
    )
    count = len(parts[0].faces)
    faces = np.concatenate([part.faces for part in parts])
    indices = [part.class_indices(source) for part in parts]
    truth = np.concatenate([found for found in indices if found is not None])
    trained = load_trained(model)
    pixels = faces[..., None].astype(np.float32)
    reference = softmax(trained.predict(pixels, verbose=0), source.temperature)
    missing: list[str] = []

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        on_stage("fer-convert --int8")
        command_s, stages = _time_command(model, data, folder / "command")
        targets = (*UNCALIBRATED, *CALIBRATED)
        converted = convert(model, targets, folder, conversion_data, timer=StageTimer(on_stage))
        paths = {file.target: file.path for file in converted}
        predictions: dict[str, Probabilities] = {}

        def row(path: Path, convert_s: float) -> Row:
            on_stage(f"measure {path.name}")
            found, face_ms = _timed(path, faces)
            predictions[path.name] = found
            labels = found.argmax(axis=1)
            return Row(
                path.name,
                path.stat().st_size,
                float((labels == truth).mean()),
                float((labels == reference.argmax(axis=1)).mean()),
                float(np.abs(found - reference).max()),
                face_ms,
                convert_s,
            )

        rows = tuple(row(file.path, file.convert_s) for file in converted)
        (int8,) = convert(
            model, [INT8], folder, conversion_data, Settings(io="int8"), StageTimer(on_stage)
        )
        engines = [replace(row(int8.path, int8.convert_s), name="TFLiteConverter")]
        if find_spec("ai_edge_quantizer"):
            path, seconds = _ai_edge_quantize(paths[FLOAT], source, conversion_data, folder)
            engine = f"ai-edge-quantizer {version('ai-edge-quantizer')}"
            engines.append(replace(row(path, seconds), name=engine))
        else:
            missing.append("ai-edge-quantizer: not installed")
        floats = {"Keras": reference[:count]}
        floats["LiteRT"] = predictions[paths[FLOAT].name][:count]
        floats["ONNX Runtime"] = predictions[paths["float32", ".onnx"].name][:count]
        int8s = {"Keras float32": reference[:count]}
        int8s["LiteRT int8"] = predictions[paths[INT8].name][:count]
        int8s["ONNX Runtime int8"] = predictions[paths["int8", ".onnx"].name][:count]
        if tflite_python is None:
            missing.append("tflite-runtime: no environment given (--tflite-python)")
        else:
            on_stage("tflite-runtime")
            parity_faces = parts[0].faces
            floats["tflite-runtime"] = _run_tflite(tflite_python, paths[FLOAT], parity_faces)
            int8s["tflite-runtime int8"] = _run_tflite(tflite_python, paths[INT8], parity_faces)
    return Measurements(
        model,
        len(faces),
        float((reference.argmax(axis=1) == truth).mean()),
        rows,
        tuple(engines),
        _pairs(floats, lambda a, b: float(np.abs(a - b).max())),
        _pairs(int8s, lambda a, b: float((a.argmax(axis=1) == b.argmax(axis=1)).mean())),
        count,
        command_s,
        stages,
        tuple(missing),
    )


def _time_command(model: Path, data: Path, out: Path) -> tuple[float, str]:
    """Return the duration of `fer-convert --int8` in seconds and the durations that it prints."""
    code = "from fer_convert.cli.main import main; main()"
    arguments = [str(model), "--int8", "--data", str(data), "--out", str(out)]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeFailure(f"fer-convert --int8 failed: {done.stderr.strip().splitlines()[-1]}")
    return seconds, done.stdout.strip().splitlines()[-1].removeprefix("seconds: ")


def _pairs(
    predictions: dict[str, Probabilities],
    compare: Callable[[Probabilities, Probabilities], float],
) -> dict[str, float]:
    return {
        f"{first}, {second}": compare(predictions[first], predictions[second])
        for first, second in combinations(predictions, 2)
    }


def _timed(path: Path, faces: NDArray[np.uint8]) -> tuple[Probabilities, float]:
    """Return the probabilities of a bundle and the median latency of a face in milliseconds."""
    with captured_native_log():
        classifier = ExpressionClassifier.load(path, prior="training")
    found, times = [], []
    with classifier:
        for face in faces:
            start = time.perf_counter()
            found.append(classifier.probabilities(face[None]))
            times.append(time.perf_counter() - start)
    return np.concatenate(found), 1000 * float(np.median(times))


def _run_tflite(python: Path, model: Path, faces: NDArray[np.uint8]) -> Probabilities:
    """Return the probabilities of tflite-runtime in the environment of `python`."""
    script = Path(__file__).with_name("tflite_runtime_predictions.py")
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder) / "faces.npy", Path(folder) / "predictions.npy"
        np.save(inputs, faces)
        arguments = [str(path) for path in (python, script, model, inputs, outputs)]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            raise RuntimeFailure(f"{python} cannot run {model.name} in tflite-runtime: {last}")
        return np.asarray(np.load(outputs), np.float64)


def _ai_edge_quantize(
    float_file: Path, source: ModelBundle, conversion_data: "ConversionData", folder: Path
) -> tuple[Path, float]:
    """Quantize with ai-edge-quantizer on the same calibration faces; return file and seconds."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    faces = conversion_data.require_calibration().faces
    if faces is None:
        raise InputError("comparing quantization engines needs calibration faces")
    start = time.perf_counter()
    with captured_native_log(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # calibration preserves all tensors
        signatures = Interpreter(model_content=float_file.read_bytes()).get_signature_list()
        (signature, ports), *_ = signatures.items()
        samples = [{ports["inputs"][0]: f.astype(np.float32)[None, ..., None]} for f in faces]
        engine = quantizer.Quantizer(str(float_file), recipe.static_wi8_ai8())
        ranges = engine.calibrate({signature: samples})
        entry = ranges[Interpreter(str(float_file)).get_input_details()[0]["name"]]
        # The engine averages ranges over the faces, but pixels need the range [0, 255].
        entry["min"], entry["max"] = np.zeros_like(entry["min"]), np.full_like(entry["max"], 255)
        file = engine.quantize(ranges).quantized_model
    seconds = time.perf_counter() - start
    path = folder / "ai-edge-quantizer-int8.tflite"
    path.write_bytes(bytes(file))
    replace(source, path=path, precision="int8", metrics=()).write_sidecar()
    return path, seconds


def as_markdown(found: Measurements, command: str) -> str:
    """Return the page.

    Args:
        found: The measurements.
        command: The command that measured them.
    """
    machine = describe_environment()
    differences, agreements = found.float_differences, found.int8_agreements
    return f"""# Conversion: size, accuracy and latency per precision

Model `{found.model.stem}`, converted to every precision. Written by `{command}` on \
{machine["processor"]} x {machine["cores"]} (TensorFlow {machine["tensorflow"]}, LiteRT \
{machine["ai-edge-litert"]}, ONNX Runtime {machine["onnxruntime"]}).

## Precisions

All {found.faces:,} deduplicated faces of PublicTest. The Keras model's accuracy is \
{found.float_accuracy:.2%}.

{_rows(found.rows, found.float_accuracy)}

- Drop: loss of accuracy against the Keras model, in percentage points.
- Labels agree, largest difference: labels and probabilities compared with the Keras model.
- ms: median latency of one face through the SDK on one thread.
- Seconds: duration of the conversion, including calibration.

The int16x8 file is slow because CPU runtimes have no fast int16 kernels.

## Runtimes

The same {found.compared:,} faces in each runtime. Float32 files, largest difference of a \
probability (limit 1e-4):

| runtimes | difference |
|---|---|
{_lines(differences, "{:.1e}")}

Int8 files, labels that agree (limit 98.5 %):

| runtimes | labels agree |
|---|---|
{_lines(agreements, "{:.1%}")}

## Quantization engines

The same float model and calibration faces, int8 input and output:

{_rows(found.engines, found.float_accuracy, first="engine")}

TFLiteConverter starts from the Keras model; ai-edge-quantizer starts from the float32 .tflite \
file, whose conversion is not included in its seconds. ai-edge-quantizer averages activation \
ranges over the faces, whereas TFLiteConverter takes the widest. The input range was set to \
[0, 255] for both, as unscaled pixels require.

## Duration of the command

`fer-convert --int8`, the entire process: {found.command_s:.1f} seconds. Stages, in seconds: \
{found.stages}.
{_missing(found.missing)}"""


def _rows(rows: Sequence[Row], float_accuracy: float, first: str = "file") -> str:
    columns = [first, "bytes", "accuracy %", "drop", "labels agree %", "largest difference", "ms"]
    head = f"| {' | '.join(columns)} | seconds |"
    lines = [
        f"| {row.name} | {row.size_bytes:,} | {100 * row.accuracy:.2f} | "
        f"{100 * (float_accuracy - row.accuracy):.2f} | {100 * row.agreement:.2f} | "
        f"{row.largest_difference:.1e} | {row.face_ms:.2f} | {row.convert_s:.1f} |"
        for row in rows
    ]
    return "\n".join([head, "|---" * 8 + "|", *lines])


def _lines(values: dict[str, float], form: str) -> str:
    return "\n".join(f"| {pair} | {form.format(value)} |" for pair, value in values.items())


def _missing(missing: Sequence[str]) -> str:
    return "".join(f"\nNot measured: {what}.\n" for what in missing)


@click.command(cls=FerCommand)
@click.argument("model", required=False, type=click.Path(path_type=Path))
@DATA_OPTION
@SAMPLES_OPTION
@click.option("--tflite-python", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="Python of an environment with the extra tflite-runtime.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("conversion.md"),
              show_default=True, help="The page to write.")  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace an existing page.")
def main(
    model: Path | None,
    data: Path,
    calibration_samples: int,
    tflite_python: Path | None,
    out: Path,
    overwrite: bool,
) -> None:
    """Measure MODEL in every precision, runtime and quantization engine; write a Markdown page.

    MODEL defaults to the newest trained model in runs/, else the shipped model.
    """
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists: add --overwrite or choose another --out")
    source = model or newest_trained()
    require_converters(onnx=True)
    conversion_data = conversion_data_for(ModelBundle.load(source), data, None, calibration_samples)
    with progress_bar(desc="start", unit=" stage") as bar:

        def advance(stage: str) -> None:
            bar.set_description(stage)
            bar.update()

        found = measure(source, data, conversion_data, tflite_python, advance)
    arguments = ["python -m research.conversion"]
    if model:
        arguments.append(str(model))
    if tflite_python:
        arguments.append(f"--tflite-python {tflite_python}")
    with write_beside(out) as temporary:
        temporary.write_text(as_markdown(found, " ".join(arguments)), encoding="utf-8")
    click.echo(out)


if __name__ == "__main__":
    main()
