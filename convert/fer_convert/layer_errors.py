"""What int8 costs in each layer of a calibrated float file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_convert.quantize import Layer, layers_of, quantize_int8
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.cli.console import progress_bar


@dataclass(frozen=True, slots=True)
class LayerError:
    """One layer in int8 against the same layer in float32.

    SQNR is the ratio of the signal's power to that of the error, in decibels: 20 dB is an error of
    a tenth, 40 dB of a hundredth.

    Attributes:
        layer: The layer, with its range.
        alone_db: SQNR of the model's logits if this layer alone is int8: what it costs by itself.
        here_db: SQNR of this layer's output if all layers are int8: what has piled up so far.
        scale: Of the output: numbers closer together than this are one.
        weight_scales: Least and largest scale of a channel's weights; (0, 0) without weights.
    """

    layer: Layer
    alone_db: float
    here_db: float
    scale: float
    weight_scales: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the layer's stand beside the others."""
        found = asdict(self)
        return {**found.pop("layer"), **found}


def layer_errors(calibrated: bytes, faces: NDArray[np.uint8]) -> list[LayerError]:
    """Measure every layer, the one that costs most first.

    Args:
        calibrated: From `fer_convert.recipes.calibrated`.
        faces: uint8 (n, height, width).
    """
    alone = _alone(calibrated, faces)
    int8 = quantize_int8(calibrated)
    wanted, found = _everything(calibrated, faces), _everything(int8, faces)
    scales = _scales(int8)
    errors = [
        LayerError(
            layer,
            alone_db=alone[layer.name],
            here_db=sqnr_db(wanted[layer.name], found[layer.name]),
            scale=scales[layer.name][0],
            weight_scales=scales[layer.name][1],
        )
        for layer in layers_of(calibrated)
        if layer.name in found
    ]
    return sorted(errors, key=lambda error: error.alone_db)


def as_text(errors: list[LayerError], source: Path, on: str) -> str:
    """Return the errors as a table."""
    lines = [
        f"{source}, {on}: error of int8 as signal to noise, in dB; 20 dB is a tenth",
        "",
        "layer  alone   here  range of the output     scale  weight scales        operator",
    ]
    for error in errors:
        layer, (least, most) = error.layer, error.weight_scales
        weights = f"{least:.2g} to {most:.2g}" if most else ""
        lines.append(
            f"{layer.number:>5} {error.alone_db:6.1f} {error.here_db:6.1f}  "
            f"{layer.low:9.3g} to {layer.high:<8.3g} {error.scale:8.2g}  {weights:<19}  "
            f"{layer.operator} {layer.short_name}"
        )
    lines += ["", "alone: the logits if only this layer is int8", "here: its output if all are"]
    return "\n".join(lines)


def as_json(errors: list[LayerError], source: Path, on: str) -> str:
    """Return the errors as one JSON object."""
    layers = [error.as_dict() for error in errors]
    return json.dumps({"schema": 1, "model": str(source), "faces": on, "layers": layers}, indent=1)


def worst_first(calibrated: bytes, faces: NDArray[np.uint8]) -> list[Layer]:
    """Return the layers, the one that costs most by itself first."""
    alone = _alone(calibrated, faces)
    return sorted(layers_of(calibrated), key=lambda layer: alone[layer.name])


def sqnr_db(wanted: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Return the ratio of the signal's power to that of the error, in decibels, at most 200."""
    signal = float(np.square(wanted, dtype=np.float64).sum())
    error = float(np.square(wanted - found, dtype=np.float64).sum())
    if signal == 0 or error <= signal * 1e-20:
        return 200.0 if error == 0 or signal > 0 else -200.0
    return float(10 * np.log10(signal / error))


def answers(file: bytes, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the logits, float32 (n, classes), of a file with float input and output."""
    (logits,) = _run(file, faces, whole=False).values()
    return logits


def _alone(calibrated: bytes, faces: NDArray[np.uint8]) -> dict[str, float]:
    """Return the SQNR of the logits with each layer alone in int8, by its name."""
    layers = layers_of(calibrated)
    reference = answers(calibrated, faces)
    found = {}
    for layer in progress_bar(iterable=layers, desc="layer by layer", unit=" layer"):
        others = [other.name for other in layers if other is not layer]
        found[layer.name] = sqnr_db(
            reference, answers(quantize_int8(calibrated, keep=others), faces)
        )
    return found


def _everything(file: bytes, faces: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Return what every operator makes, in real numbers, by the tensor's name."""
    return _run(file, faces, whole=True)


def _run(file: bytes, faces: NDArray[np.uint8], *, whole: bool) -> dict[str, NDArray[np.float32]]:
    interpreter = open_file(file, whole=whole)
    entry, exit = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    tensors = [exit]
    if whole:
        by_index = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
        made = [int(i) for op in interpreter._get_ops_details() for i in op["outputs"]]
        tensors = [by_index[index] for index in made]
    rows: dict[str, list[NDArray[np.float32]]] = {tensor["name"]: [] for tensor in tensors}
    for face in faces:
        pixels = np.broadcast_to(face.astype(np.float32)[None, ..., None], entry["shape"])
        interpreter.set_tensor(entry["index"], pixels)
        interpreter.invoke()
        for tensor in tensors:
            numbers = interpreter.get_tensor(tensor["index"])[:1].astype(np.float32)
            scale, zero_point = tensor["quantization"]
            rows[tensor["name"]].append((numbers - zero_point) * scale if scale else numbers)
    return {name: np.concatenate(parts) for name, parts in rows.items() if parts}


def _scales(file: bytes) -> dict[str, tuple[float, tuple[float, float]]]:
    """Return the output's scale and its weights' least and largest one, by the output's name."""
    interpreter = open_file(file, whole=True)
    by_index = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    found = {}
    weights = (0.0, 0.0)
    for op in interpreter._get_ops_details():
        tensor = by_index[int(op["outputs"][0])]
        if op["op_name"] == "DEQUANTIZE":  # the float output, whose name is the last layer's
            scale, _ = by_index[int(op["inputs"][0])]["quantization"]
            found[tensor["name"]] = (float(scale), weights)
            continue
        weights = (0.0, 0.0)
        if op["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            scales = by_index[int(op["inputs"][1])]["quantization_parameters"]["scales"]
            weights = (float(min(scales)), float(max(scales)))
        found[tensor["name"]] = (float(tensor["quantization"][0]), weights)
    return found


def open_file(file: bytes, *, whole: bool) -> Any:
    """Return a LiteRT interpreter; `whole` keeps every tensor readable, without XNNPACK."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # XNNPACK hides what it takes
    with captured_native_log():
        interpreter = Interpreter(
            model_content=file,
            experimental_preserve_all_tensors=whole,
            experimental_op_resolver_type=plain if whole else OpResolverType.AUTO,
        )
        interpreter.allocate_tensors()
    return interpreter
