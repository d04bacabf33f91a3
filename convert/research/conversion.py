"""What the variants of one model are worth: the tables of docs/results/conversion.md."""

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

import numpy as np
from numpy.typing import NDArray

from fer_convert.conversion_data import ConversionData
from fer_convert.convert import CALIBRATED, INT8, UNCALIBRATED, Settings, Stages, Target, convert
from fer_convert.export import load_trained
from fer_convert.parity import outputs_of
from fer_convert.parity_faces import other_public_test_faces
from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import InputError, RuntimeFailure

ALL = (*UNCALIBRATED, *CALIBRATED)
FLOAT: Target = ("float32", ".tflite")

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """One file on all clean faces of PublicTest.

    Attributes:
        name: Of the file.
        size_bytes: Of the file.
        accuracy: 0 to 1.
        agreement: Share of faces with the float model's label, 0 to 1.
        largest_difference: Of a probability from the float model's.
        face_ms: Median of a face's time through the SDK, one thread.
        convert_s: Seconds to convert, calibration included.
    """

    name: str
    size_bytes: int
    accuracy: float
    agreement: float
    largest_difference: float
    face_ms: float
    convert_s: float


@dataclass(frozen=True, slots=True)
class Study:
    """What was measured.

    Attributes:
        model: The float model.
        faces: Number of clean faces of PublicTest.
        float_accuracy: Of the Keras model there, 0 to 1.
        rows: The files, and the engines' int8 files.
        engines: Int8 files of each engine, with float input and output.
        float_differences: Largest difference of a probability between two float32 answers.
        int8_agreements: Share of faces with the same label between two int8 answers.
        compared: Number of faces of the two last.
        command_s: Seconds of `fer-convert --int8`, the whole process.
        stages: What it says of its stages.
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


def study(
    model: Path,
    data: Path,
    conversion_data: ConversionData,
    tflite_python: Path | None,
    say: Callable[[str], None] = lambda stage: None,
) -> Study:
    """Convert to everything and measure on the clean faces of PublicTest.

    Args:
        model: A `.keras` file with its sidecar.
        data: FER2013.
        conversion_data: With FER2013.
        tflite_python: Python of an environment with the extra `tflite-runtime`.
        say: Told about each stage.

    Raises:
        InputError: If FER2013 is not there.
        FerError: As `convert` does.
    """
    if conversion_data.data is None or conversion_data.parity_faces.truth is None:
        raise InputError("the study needs an imported FER2013")
    source = ModelBundle.load(model)
    others = other_public_test_faces(conversion_data.data, source.input, source.labels)
    gate = conversion_data.parity_faces
    count = len(gate.faces)
    faces = np.concatenate([gate.faces, others.faces])
    truth = [x.truth for x in (gate, others) if x.truth is not None]
    right = outputs_of(np.concatenate(truth), source)
    trained = load_trained(model)
    pixels = faces[..., None].astype(np.float32)
    reference = softmax(trained.predict(pixels, verbose=0), source.temperature)
    missing: list[str] = []

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        say("the command alone")
        command_s, stages = _whole_command(model, data, folder / "alone")
        proven = convert(model, ALL, folder, conversion_data, stages=Stages(say))
        paths = {found.target: found.path for found in proven}
        answers: dict[str, Probabilities] = {}

        def row(path: Path, convert_s: float) -> Row:
            say(f"measure {path.name}")
            found, face_ms = _timed(path, faces)
            answers[path.name] = found
            labels = found.argmax(axis=1)
            return Row(
                path.name,
                path.stat().st_size,
                float((labels == right).mean()),
                float((labels == reference.argmax(axis=1)).mean()),
                float(np.abs(found - reference).max()),
                face_ms,
                convert_s,
            )

        rows = tuple(row(found.path, found.convert_s) for found in proven)
        (whole,) = convert(model, [INT8], folder, conversion_data, Settings(io="int8"), Stages(say))
        engines = [replace(row(whole.path, whole.convert_s), name="TFLiteConverter")]
        if find_spec("ai_edge_quantizer"):
            path, seconds = _other_engine(paths[FLOAT], source, conversion_data, folder)
            engine = f"ai-edge-quantizer {version('ai-edge-quantizer')}"
            engines.append(replace(row(path, seconds), name=engine))
        else:
            missing.append("ai-edge-quantizer: not installed")
        floats = {"Keras": reference[:count]}
        floats["LiteRT"] = answers[paths[FLOAT].name][:count]
        floats["ONNX Runtime"] = answers[paths["float32", ".onnx"].name][:count]
        int8s = {"Keras float32": reference[:count]}
        int8s["LiteRT int8"] = answers[paths[INT8].name][:count]
        int8s["ONNX Runtime int8"] = answers[paths["int8", ".onnx"].name][:count]
        if tflite_python is None:
            missing.append("tflite-runtime: no environment was named (--tflite-python)")
        else:
            say("tflite-runtime")
            floats["tflite-runtime"] = _elsewhere(tflite_python, paths[FLOAT], gate.faces)
            int8s["tflite-runtime int8"] = _elsewhere(tflite_python, paths[INT8], gate.faces)
    return Study(
        model,
        len(faces),
        float((reference.argmax(axis=1) == right).mean()),
        rows,
        tuple(engines),
        _pairs(floats, lambda a, b: float(np.abs(a - b).max())),
        _pairs(int8s, lambda a, b: float((a.argmax(axis=1) == b.argmax(axis=1)).mean())),
        count,
        command_s,
        stages,
        tuple(missing),
    )


def _whole_command(model: Path, data: Path, out: Path) -> tuple[float, str]:
    """Return the seconds of `fer-convert --int8` and what it says of its stages."""
    code = "from fer_convert.cli.main import main; main()"
    words = [str(model), "--int8", "--data", str(data), "--out", str(out)]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeFailure(f"fer-convert --int8 failed: {done.stderr.strip().splitlines()[-1]}")
    return seconds, done.stdout.strip().splitlines()[-1].removeprefix("seconds: ")


def _pairs(
    answers: dict[str, Probabilities], measure: Callable[[Probabilities, Probabilities], float]
) -> dict[str, float]:
    return {
        f"{first}, {second}": measure(answers[first], answers[second])
        for first, second in combinations(answers, 2)
    }


def _timed(path: Path, faces: NDArray[np.uint8]) -> tuple[Probabilities, float]:
    """Return the probabilities of a bundle and the median time of a face in milliseconds."""
    with captured_native_log():
        classifier = ExpressionClassifier.load(path)
    found, times = [], []
    with classifier:
        for face in faces:
            start = time.perf_counter()
            found.append(classifier.probabilities(face[None]))
            times.append(time.perf_counter() - start)
    return np.concatenate(found), 1000 * float(np.median(times))


def _elsewhere(python: Path, model: Path, faces: NDArray[np.uint8]) -> Probabilities:
    """Return tflite-runtime's probabilities, from an environment of its own."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "faces.npy", Path(folder) / "answers.npy"
        np.save(given, faces)
        words = [
            str(python),
            "-m",
            "research.tflite_runtime_predictions",
            str(model),
            str(given),
            str(made),
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip() or "no message").splitlines()[-1]
            raise RuntimeFailure(f"{python} cannot run {model.name} in tflite-runtime: {last}")
        return np.asarray(np.load(made), np.float64)


def _other_engine(
    float_file: Path, source: ModelBundle, conversion_data: ConversionData, folder: Path
) -> tuple[Path, float]:
    """Quantize with ai-edge-quantizer, calibrated with the same faces; returns file and seconds."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    faces = conversion_data.ranges_source().faces
    if faces is None:
        raise InputError("comparing engines needs faces to calibrate with")
    start = time.perf_counter()
    with captured_native_log(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that calibration keeps every tensor
        signatures = Interpreter(model_content=float_file.read_bytes()).get_signature_list()
        (signature, ports), *_ = signatures.items()
        samples = [{ports["inputs"][0]: f.astype(np.float32)[None, ..., None]} for f in faces]
        engine = quantizer.Quantizer(str(float_file), recipe.static_wi8_ai8())
        ranges = engine.calibrate({signature: samples})
        entry = ranges[Interpreter(str(float_file)).get_input_details()[0]["name"]]
        # Its ranges are averages, so that pixels would not go in as they are.
        entry["min"], entry["max"] = np.zeros_like(entry["min"]), np.full_like(entry["max"], 255)
        file = engine.quantize(ranges).quantized_model
    seconds = time.perf_counter() - start
    path = folder / "other-engine-int8.tflite"
    path.write_bytes(bytes(file))
    replace(source, path=path, precision="int8", metrics=()).write_sidecar()
    return path, seconds


def as_markdown(found: Study, command: str) -> str:
    """Return the page.

    Args:
        found: What was measured.
        command: The command that measured it.
    """
    machine = describe_environment()
    differences, agreements = found.float_differences, found.int8_agreements
    return f"""# The variants of {found.model.stem}, and what each costs

Written by `{command}` on {machine["processor"]} x {machine["cores"]} \
(TensorFlow {machine["tensorflow"]}, LiteRT {machine["ai-edge-litert"]}, ONNX Runtime \
{machine["onnxruntime"]}). All {found.faces:,} clean faces of PublicTest, on which the Keras model \
reaches {found.float_accuracy:.2%}; a file passed the gate on {found.compared:,} of them before it \
was measured.

## Variants

{_rows(found.rows, found.float_accuracy)}

Drop is against the Keras model, in points; difference is the largest of any probability; ms is \
the median of a face through the SDK on one thread; seconds are those of the conversion, \
calibration included. int16x8 has no fast kernels on a CPU.

## Runtimes

The same {found.compared:,} faces in each runtime. Float32, largest difference of a probability \
(limit 1e-4):

| runtimes | difference |
|---|---|
{_lines(differences, "{:.1e}")}

Labels that agree (limit 98.5 %):

| runtimes | labels agree |
|---|---|
{_lines(agreements, "{:.1%}")}

## Engines

The same float model and calibration faces, int8 in and out:

{_rows(found.engines, found.float_accuracy, first="engine")}

TFLiteConverter starts from the Keras model, ai-edge-quantizer from the float32 .tflite that \
TensorFlow made: its seconds leave that conversion out. It averages ranges over the faces instead \
of taking the widest, the input's too; that one was set to 0 to 255 by hand, or raw pixels would \
be read wrongly.

## Seconds

`fer-convert --int8`, the whole process: {found.command_s:.1f}. It says of its stages: \
{found.stages}.
{_missing(found.missing)}"""


def _rows(rows: Sequence[Row], float_accuracy: float, first: str = "file") -> str:
    head = f"| {first} | bytes | accuracy % | drop | labels agree % | difference | ms | seconds |"
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
