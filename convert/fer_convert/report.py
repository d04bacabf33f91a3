"""Everything that the gate measured: a JSON file, and an HTML file with plots that stands alone."""

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import sha256_of, write_beside

if TYPE_CHECKING:
    from fer_convert.conversion_data import Evidence
    from fer_convert.convert import Proven, Settings

HISTOGRAM_BINS = 40


def report_paths(report: Path) -> tuple[Path, Path]:
    """Return the paths of the JSON and the HTML file: FILE with its suffix exchanged."""
    return report.with_suffix(".json"), report.with_suffix(".html")


def write_report(
    report: Path,
    source: Path,
    evidence: "Evidence",
    settings: "Settings",
    results: "Sequence[Proven]",
    seconds: dict[str, float],
) -> tuple[Path, Path]:
    """Write both files; returns their paths.

    Args:
        report: Path of either.
        source: The float model.
        evidence: What the conversion rested on.
        settings: How it was done.
        results: What came out.
        seconds: Of each stage.

    Raises:
        InputError: If a file cannot be written.
    """
    calibration = evidence.calibration
    text = {
        "schema": 1,
        "model": {"path": str(source), "sha256": sha256_of(source)},
        "settings": asdict(settings),
        "gate": evidence.gate.words,
        "labels": "checked" if evidence.gate.truth is not None else "not checked: there are none",
        "calibration": None if calibration is None else calibration.words,
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


def _variant(found: "Proven") -> dict[str, Any]:
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
        "largest_difference_of_a_face": {"edges": edges.tolist(), "counts": counts.tolist()},
        "ranges": _ranges(found.path),
    }


def _ranges(path: Path) -> list[dict[str, Any]]:
    """Return operator, range of the output and of the weights for each layer of a .tflite file.

    An integer file's output reaches as far as its integers do; a float file states no such range.
    """
    if path.suffix != ".tflite":
        return []
    from fer_convert.layer_errors import open_file

    interpreter = open_file(path.read_bytes(), whole=True)
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
    except ValueError:  # made at run time, as widened float16 weights are
        return None
    scales = tensor["quantization_parameters"]["scales"]
    if len(scales):
        shape = [1] * numbers.ndim
        shape[tensor["quantization_parameters"]["quantized_dimension"]] = -1
        numbers = numbers * (scales[0] if len(scales) == 1 else scales.reshape(shape))
    return [float(numbers.min()), float(numbers.max())]


def _page(text: dict[str, Any], results: "Sequence[Proven]") -> str:
    """Return the HTML page, its plots inside it."""
    rows = "".join(_row(variant) for variant in text["variants"])
    facts = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>"
        for name, value in (
            ("model", text["model"]["path"]),
            ("proven on", text["gate"]),
            ("labels", text["labels"]),
            ("calibrated with", text["calibration"] or "nothing was calibrated"),
            ("settings", ", ".join(f"{k} {v}" for k, v in text["settings"].items())),
            ("seconds", ", ".join(f"{k} {v:.1f}" for k, v in text["seconds"].items())),
            ("environment", ", ".join(f"{k} {v}" for k, v in text["environment"].items())),
        )
    )
    heads = "file|bytes|accuracy|float|drop, points|labels agree|largest difference|mean|runtimes"
    head = "".join(f"<th>{name}</th>" for name in heads.split("|"))
    plots = "".join(
        f'<h2>{html.escape(title)}</h2><img alt="{html.escape(title)}" src="{_inline(figure)}">'
        for title, figure in _figures(text, results)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Conversion report</title>'
        "<style>body{font:15px/1.5 sans-serif;max-width:75em;margin:2em auto;padding:0 1em}"
        "table{border-collapse:collapse}td,th{border:1px solid #ccc;padding:.3em .6em;"
        "text-align:left;vertical-align:top}dt{font-weight:bold}img{max-width:100%}</style>"
        f"<h1>Conversion report</h1><dl>{facts}</dl><table><tr>{head}</tr>{rows}</table>"
        f"{plots}</html>\n"
    )


def _row(variant: dict[str, Any]) -> str:
    parity = variant["parity"]
    runtimes = "; ".join(f"{name}: {answer}" for name, answer in variant["runtimes"].items())

    def share(value: float | None) -> str:
        return "no labels" if value is None else f"{value:.2%}"

    drop = variant["accuracy_drop_points"]
    cells = (
        Path(variant["path"]).name,
        f"{variant['size_bytes']:,}",
        share(parity["accuracy"]),
        share(parity["float_accuracy"]),
        "no labels" if drop is None else f"{drop:.2f}",
        share(parity["agreement"]),
        f"{parity['largest_difference']:.2g}",
        f"{parity['mean_difference']:.2g}",
        runtimes,
    )
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _figures(text: dict[str, Any], results: "Sequence[Proven]") -> list[tuple[str, Any]]:
    figures = [("Largest difference of a probability on each face", _histograms(results))]
    for variant in text["variants"]:
        for what in ("output", "weights"):
            ranges = [(entry["operator"], entry[what]) for entry in variant["ranges"]]
            known = [(f"{n} {op}", ends) for n, (op, ends) in enumerate(ranges) if ends]
            if known and variant["precision"] not in ("float32", "float16"):
                name = {"output": "activations", "weights": "weights"}[what]
                title = f"Range of {name}, {Path(variant['path']).name}"
                figures.append((title, _bars(known)))
    return figures


def _histograms(results: "Sequence[Proven]") -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 1.2 + 1.3 * len(results)), layout="constrained")
    axes = figure.subplots(len(results), 1, squeeze=False)[:, 0]
    for axis, found in zip(axes, results, strict=True):
        axis.hist(found.differences, bins=60, color="tab:blue")
        axis.set_title(found.path.name, loc="left", fontsize=9)
        axis.set_ylabel("faces")
    axes[-1].set_xlabel("largest difference of a probability from the float model's")
    return figure


def _bars(ranges: list[tuple[str, list[float]]]) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 0.8 + 0.28 * len(ranges)), layout="constrained")
    axis = figure.subplots()
    for row, (_, (low, high)) in enumerate(ranges):
        axis.barh(row, high - low, left=low, color="tab:blue")
    axis.set_yticks(range(len(ranges)), [name for name, _ in ranges], fontsize=8)
    axis.invert_yaxis()
    axis.axvline(0, color="black", linewidth=0.8)
    return figure


def _inline(figure: Any) -> str:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(picture.getvalue()).decode()
