"""Quantization error of each layer of a calibrated file."""

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
    """Quantization error of one layer, as signal-to-quantization-noise ratio (SQNR).

    SQNR is the power of the float32 signal divided by the power of the error, in decibels: an error
    of 10 % is 20 dB, an error of 1 % is 40 dB.

    Attributes:
        layer: The layer and its range.
        alone_db: SQNR of the model's logits if only this layer is int8.
        here_db: SQNR of this layer's output if all layers are int8, the accumulated error.
        scale: Quantization step of the output.
        weight_scales: Smallest and largest quantization step of the weights over the channels;
            (0, 0) without weights.
    """

    layer: Layer
    alone_db: float
    here_db: float
    scale: float
    weight_scales: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """Return values for JSON, with the fields of `layer` on the top level."""
        found = asdict(self)
        return {**found.pop("layer"), **found}


def layer_errors(calibrated: bytes, faces: NDArray[np.uint8]) -> list[LayerError]:
    """Measure the quantization error of every layer; the result is sorted by `alone_db`.

    Args:
        calibrated: Returned by `fer_convert.recipes.calibrated`.
        faces: Model inputs, uint8 (n, height, width), range [0, 255].
    """
    alone = _sqnr_alone(calibrated, faces)
    int8 = quantize_int8(calibrated)
    expected, found = _all_outputs(calibrated, faces), _all_outputs(int8, faces)
    scales = _scales(int8)
    errors = [
        LayerError(
            layer,
            alone_db=alone[layer.name],
            here_db=sqnr_db(expected[layer.name], found[layer.name]),
            scale=scales[layer.name][0],
            weight_scales=scales[layer.name][1],
        )
        for layer in layers_of(calibrated)
        if layer.name in found
    ]
    return sorted(errors, key=lambda error: error.alone_db)


def as_text(errors: list[LayerError], source: Path, faces: str) -> str:
    """Return the errors as a table; `faces` describes the faces that were used."""
    lines = [
        f"{source}, {faces}: signal-to-quantization-noise ratio of int8 in dB (20 dB: 10 % error)",
        "",
        "layer  alone   here  output range            scale  weight scales        operator",
    ]
    for error in errors:
        layer, (low, high) = error.layer, error.weight_scales
        weights = f"{low:.2g} to {high:.2g}" if high else ""
        lines.append(
            f"{layer.number:>5} {error.alone_db:6.1f} {error.here_db:6.1f}  "
            f"{layer.low:9.3g} to {layer.high:<8.3g} {error.scale:8.2g}  {weights:<19}  "
            f"{layer.operator} {layer.short_name}"
        )
    lines += [
        "",
        "alone: logits, only this layer int8",
        "here: output of this layer, all layers int8",
    ]
    return "\n".join(lines)


def as_json(errors: list[LayerError], source: Path, faces: str) -> str:
    """Return the errors as one JSON object; `faces` describes the faces that were used."""
    found = {
        "schema": 1,
        "model": str(source),
        "faces": faces,
        "layers": [error.as_dict() for error in errors],
    }
    return json.dumps(found, indent=1)


def ranked_layers(calibrated: bytes, faces: NDArray[np.uint8]) -> list[Layer]:
    """Return the layers sorted by their SQNR alone, the largest error first."""
    alone = _sqnr_alone(calibrated, faces)
    return sorted(layers_of(calibrated), key=lambda layer: alone[layer.name])


def sqnr_db(expected: NDArray[np.float32], found: NDArray[np.float32]) -> float:
    """Return the signal-to-quantization-noise ratio in decibels, at most 200."""
    signal = float(np.square(expected, dtype=np.float64).sum())
    error = float(np.square(expected - found, dtype=np.float64).sum())
    if signal == 0 or error <= signal * 1e-20:
        return 200.0 if error == 0 or signal > 0 else -200.0
    return float(10 * np.log10(signal / error))


def predict_logits(file: bytes, faces: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the logits, float32 (n, classes), of a .tflite file with float input and output.

    Args:
        file: Content of the file.
        faces: Model inputs, uint8 (n, height, width), range [0, 255].
    """
    (logits,) = _run(file, faces, all_tensors=False).values()
    return logits


def _sqnr_alone(calibrated: bytes, faces: NDArray[np.uint8]) -> dict[str, float]:
    """Return the SQNR of the logits with only one layer in int8, by the layer's name."""
    layers = layers_of(calibrated)
    reference = predict_logits(calibrated, faces)
    found = {}
    for layer in progress_bar(iterable=layers, desc="measure layers", unit=" layer"):
        others = [other.name for other in layers if other is not layer]
        found[layer.name] = sqnr_db(
            reference, predict_logits(quantize_int8(calibrated, keep=others), faces)
        )
    return found


def _all_outputs(file: bytes, faces: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Return the dequantized output of every operator by the tensor's name."""
    return _run(file, faces, all_tensors=True)


def _run(
    file: bytes, faces: NDArray[np.uint8], *, all_tensors: bool
) -> dict[str, NDArray[np.float32]]:
    """Return the dequantized logits, or the output of every operator, by the tensor's name."""
    interpreter = open_interpreter(file, all_tensors=all_tensors)
    face_input = interpreter.get_input_details()[0]
    tensors = [interpreter.get_output_details()[0]]
    if all_tensors:
        by_index = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
        outputs = [int(i) for op in interpreter._get_ops_details() for i in op["outputs"]]
        tensors = [by_index[index] for index in outputs]
    rows: dict[str, list[NDArray[np.float32]]] = {tensor["name"]: [] for tensor in tensors}
    for face in faces:
        pixels = np.broadcast_to(face.astype(np.float32)[None, ..., None], face_input["shape"])
        interpreter.set_tensor(face_input["index"], pixels)
        interpreter.invoke()
        for tensor in tensors:
            values = interpreter.get_tensor(tensor["index"])[:1].astype(np.float32)
            scale, zero_point = tensor["quantization"]
            rows[tensor["name"]].append((values - zero_point) * scale if scale else values)
    return {name: np.concatenate(parts) for name, parts in rows.items() if parts}


def _scales(file: bytes) -> dict[str, tuple[float, tuple[float, float]]]:
    """Return the scale of each output and of its weights, by the output tensor's name."""
    interpreter = open_interpreter(file, all_tensors=True)
    by_index = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    found = {}
    weights = (0.0, 0.0)
    for op in interpreter._get_ops_details():
        tensor = by_index[int(op["outputs"][0])]
        if op["op_name"] == "DEQUANTIZE":  # the float output has the last layer's name
            scale, _ = by_index[int(op["inputs"][0])]["quantization"]
            found[tensor["name"]] = (float(scale), weights)
            continue
        weights = (0.0, 0.0)
        if op["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            scales = by_index[int(op["inputs"][1])]["quantization_parameters"]["scales"]
            weights = (float(min(scales)), float(max(scales)))
        found[tensor["name"]] = (float(tensor["quantization"][0]), weights)
    return found


def open_interpreter(file: bytes, *, all_tensors: bool) -> Any:
    """Return a LiteRT interpreter with allocated tensors.

    Args:
        file: Content of a .tflite file.
        all_tensors: Keep every tensor readable, which disables XNNPACK.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # XNNPACK hides inner tensors
    with captured_native_log():
        interpreter = Interpreter(
            model_content=file,
            experimental_preserve_all_tensors=all_tensors,
            experimental_op_resolver_type=plain if all_tensors else OpResolverType.AUTO,
        )
        interpreter.allocate_tensors()
    return interpreter
