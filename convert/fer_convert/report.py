"""Conversion report: a JSON file and a self-contained HTML file with plots."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk._internal.html_page import render_page
from fer_sdk.errors import InputError

if TYPE_CHECKING:
    from fer_convert.conversion_data import ConversionData
    from fer_convert.gate import ConvertedFile
    from fer_convert.settings import Settings

HISTOGRAM_BINS = 40


def report_paths(report: Path) -> tuple[Path, Path]:
    """Return the paths of the JSON and the HTML file: FILE with its suffix replaced."""
    if not report.name:
        raise InputError(f"{report} is a folder: name the report, such as {report / 'report'}")
    return report.with_suffix(".json"), report.with_suffix(".html")


def write_report(
    report: Path,
    source: Path,
    conversion_data: "ConversionData",
    settings: "Settings",
    results: "Sequence[ConvertedFile]",
    seconds: dict[str, float],
) -> tuple[Path, Path]:
    """Write both files and return their paths.

    Args:
        report: Path of either file.
        source: The float model.
        conversion_data: Parity faces and calibration of the conversion.
        settings: Options of the conversion.
        results: The converted files.
        seconds: Duration of each stage.

    Raises:
        OutputError: If a file cannot be written.
    """
    faces, calibration = conversion_data.parity_faces, conversion_data.calibration
    text = {
        "schema": 1,
        "model": {"path": str(source), "sha256": sha256_of(source)},
        "settings": asdict(settings),
        "parity_faces": faces.description,
        "labels": "not checked: the faces have none" if faces.truth is None else "checked",
        "calibration": None if calibration is None else calibration.description,
        "environment": {
            **describe_environment(),
            **{name: version(name) for name in ("tf2onnx", "onnx", "onnxconverter-common")},
        },
        "seconds": seconds,
        "variants": [_variant(found) for found in results],
    }
    json_path, html_path = report_paths(report)
    with write_beside(json_path) as temporary:
        temporary.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    with write_beside(html_path) as temporary:
        temporary.write_text(_page(text, results), encoding="utf-8")
    return json_path, html_path


def _variant(found: "ConvertedFile") -> dict[str, Any]:
    counts, edges = np.histogram(found.differences, bins=HISTOGRAM_BINS)
    return {
        "path": str(found.path),
        "precision": found.target[0],
        "size_bytes": found.path.stat().st_size,
        "sha256": sha256_of(found.path),
        "parity": asdict(found.parity),
        "accuracy_drop_points": found.parity.drop,
        "runtimes": found.runtimes,
        "kept_float": [asdict(layer) for layer in found.kept],
        "same_bytes_as": found.shipped,
        "convert_s": found.convert_s,
        "check_s": found.check_s,
        "largest_difference_per_face": {"edges": edges.tolist(), "counts": counts.tolist()},
        "ranges": _ranges(found.path),
    }


def _ranges(path: Path) -> list[dict[str, Any]]:
    """Return operator, output range and weight range of each layer of a .tflite file.

    The output range of an integer file is that of its integer type; a float file has none.
    """
    if path.suffix != ".tflite":
        return []
    from fer_convert.layer_errors import open_interpreter

    interpreter = open_interpreter(path.read_bytes(), all_tensors=True)
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    found = []
    for op in interpreter._get_ops_details():
        if op["op_name"] not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "ADD", "MEAN"):
            continue
        output = tensors[int(op["outputs"][0])]
        scale, zero_point = output["quantization"]
        entry: dict[str, Any] = {"operator": op["op_name"], "output": None, "weights": None}
        if scale:
            numbers = np.iinfo(output["dtype"])
            entry["output"] = [
                float(scale * (int(end) - zero_point)) for end in (numbers.min, numbers.max)
            ]
        if len(op["inputs"]) > 1 and op["op_name"] not in ("ADD", "MEAN"):
            entry["weights"] = _weights(interpreter, tensors[int(op["inputs"][1])])
        found.append(entry)
    return found


def _weights(interpreter: Any, tensor: dict[str, Any]) -> list[float] | None:
    try:
        numbers = interpreter.get_tensor(tensor["index"]).astype(np.float32)
    except ValueError:  # computed at run time, such as float16 weights converted to float32
        return None
    scales = tensor["quantization_parameters"]["scales"]
    if len(scales):
        shape = [1] * numbers.ndim
        shape[tensor["quantization_parameters"]["quantized_dimension"]] = -1
        numbers = numbers * (scales[0] if len(scales) == 1 else scales.reshape(shape))
    return [float(numbers.min()), float(numbers.max())]


def _page(text: dict[str, Any], results: "Sequence[ConvertedFile]") -> str:
    """Return the HTML page with its plots embedded."""
    facts = {
        "model": text["model"]["path"],
        "parity checked on": text["parity_faces"],
        "labels": text["labels"],
        "calibrated with": text["calibration"] or "no calibration",
        "settings": ", ".join(f"{k} {v}" for k, v in text["settings"].items() if v != ()),
        "seconds": ", ".join(f"{name} {value:.1f}" for name, value in text["seconds"].items()),
        "environment": ", ".join(f"{name} {value}" for name, value in text["environment"].items()),
    }
    plots = [(title, _inline(figure)) for title, figure in _figures(text, results)]
    return render_page(
        "fer_convert",
        "conversion.html.j2",
        "convert",
        facts=facts,
        head=_HEAD,
        rows=[_row(variant) for variant in text["variants"]],
        plots=plots,
    )


_HEAD: Final = (
    "file", "bytes", "accuracy", "float accuracy", "drop, points", "same labels",
    "largest difference", "mean difference", "loads in",
)  # fmt: skip


def _row(variant: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of one converted file."""
    parity, drop = variant["parity"], variant["accuracy_drop_points"]

    def share(value: float | None) -> str:
        return "no labels" if value is None else f"{value:.2%}"

    return (
        Path(variant["path"]).name,
        f"{variant['size_bytes']:,}",
        share(parity["accuracy"]),
        share(parity["float_accuracy"]),
        "no labels" if drop is None else f"{drop:.2f}",
        share(parity["agreement"]),
        f"{parity['largest_difference']:.2g}",
        f"{parity['mean_difference']:.2g}",
        ", ".join(n for n, status in variant["runtimes"].items() if status == "loads") or "none",
    )


def _figures(text: dict[str, Any], results: "Sequence[ConvertedFile]") -> list[tuple[str, Any]]:
    figures = [("Largest difference of a probability on each face", _histograms(results))]
    for variant in text["variants"]:
        for what in ("output", "weights"):
            ranges = [(entry["operator"], entry[what]) for entry in variant["ranges"]]
            known = [(f"{n} {op}", ends) for n, (op, ends) in enumerate(ranges) if ends]
            if known and variant["precision"] not in ("float32", "float16"):
                name = {"output": "activations", "weights": "weights"}[what]
                title = f"Range of {name}, {Path(variant['path']).name}"
                figures.append((title, _bars(known, name)))
    return figures


def _histograms(results: "Sequence[ConvertedFile]") -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.2 + 1.3 * len(results)), layout="constrained")
    axes = figure.subplots(len(results), 1, squeeze=False)[:, 0]
    for axis, found in zip(axes, results, strict=True):
        axis.hist(found.differences, bins=60, color="tab:blue")
        axis.set_title(found.path.name, loc="left", fontsize=9)
        axis.set_ylabel("faces")
    axes[-1].set_xlabel("largest difference of a probability from the float model's")
    return figure


def _bars(ranges: list[tuple[str, list[float]]], quantity: str) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 0.8 + 0.28 * len(ranges)), layout="constrained")
    axis = figure.subplots()
    axis.use_sticky_edges = False  # leave space at both ends
    for row, (_, (low, high)) in enumerate(ranges):
        axis.barh(row, high - low, left=low, color="tab:blue")
    axis.set_yticks(range(len(ranges)), [name for name, _ in ranges], fontsize=8)
    axis.set_xlabel(f"{quantity}, smallest to largest value")
    axis.invert_yaxis()
    axis.axvline(0, color="black", linewidth=0.8)
    return figure


def _inline(figure: Any) -> str:
    """Return a figure as a data URL."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
