"""Layers that stay in float32 in an otherwise int8 file: named, or the fewest that are enough."""

from collections.abc import Sequence

from fer_convert.layer_errors import answers, worst_first
from fer_convert.parity import ParityError, outputs_of, points_lost
from fer_convert.parity_faces import other_public_test_faces
from fer_convert.quantize import Layer, layers_of, quantise_int8
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import Fer2013


def named_layers(calibrated: bytes, numbers: Sequence[int]) -> tuple[Layer, ...]:
    """Return the layers with these numbers.

    Raises:
        InputError: If there is no such layer.
    """
    layers = layers_of(calibrated)
    for number in numbers:
        if not 0 <= number < len(layers):
            raise InputError(
                f"--keep-float {number}: the model's layers are 0 to {len(layers) - 1}, as "
                "`fer-convert debug` lists them"
            )
    return tuple(layers[number] for number in sorted(set(numbers)))


def fewest_layers(
    calibrated: bytes, source: ModelBundle, data: Fer2013 | None, max_drop: float
) -> tuple[Layer, ...]:
    """Return few layers that, left in float32, keep the loss of accuracy within a limit.

    As accuracy-controlled quantisation does it: layers go back to float32, the costliest first,
    until the loss is small enough; then each that turns out not to be needed goes back to int8.
    Chosen on the clean faces of PublicTest that the gate does not use.

    Args:
        calibrated: From `fer_convert.recipes.calibrated`, batch 1.
        source: The float model.
        data: FER2013.
        max_drop: Largest loss of accuracy, in points of 100.

    Raises:
        InputError: If there is no FER2013 to choose on.
        ParityError: If no choice is enough.
    """
    if data is None:
        raise InputError("--keep-float auto chooses by accuracy and needs an imported FER2013")
    gate = other_public_test_faces(data, source.input, source.labels)
    truth = outputs_of(gate.truth, source)

    def accuracy(file: bytes) -> float:
        return float((answers(file, gate.faces).argmax(axis=1) == truth).mean())

    reference = accuracy(calibrated)

    def is_enough(layers: Sequence[Layer]) -> bool:
        file = quantise_int8(calibrated, keep=[layer.name for layer in layers])
        return points_lost(reference, accuracy(file)) <= max_drop

    ranked = worst_first(calibrated, gate.faces[:100])
    count = next((n for n in range(len(ranked)) if is_enough(ranked[:n])), None)
    if count is None:
        raise ParityError(
            f"no layers left in float32 keep the loss within {max_drop} points on {gate.words}"
        )
    kept = list(ranked[:count])
    for layer in ranked[: max(count - 1, 0)]:
        without = [other for other in kept if other is not layer]
        if is_enough(without):
            kept = without
    return tuple(sorted(kept, key=lambda layer: layer.number))
