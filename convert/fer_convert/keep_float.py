"""Selection of the layers that stay in float32 in a mixed-precision int8 file."""

from collections.abc import Sequence

from fer_convert.layer_errors import predict_logits, ranked_layers
from fer_convert.parity import ParityError, accuracy_drop
from fer_convert.parity_faces import other_public_test_faces
from fer_convert.quantize import Layer, layers_of, quantize_int8
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import Fer2013


def numbered_layers(calibrated: bytes, numbers: Sequence[int]) -> tuple[Layer, ...]:
    """Return the layers with the given numbers.

    Args:
        calibrated: Returned by `fer_convert.recipes.calibrated`.
        numbers: Layer numbers as listed by `fer-convert debug`.

    Raises:
        InputError: If a number is out of range.
    """
    layers = layers_of(calibrated)
    for number in numbers:
        if not 0 <= number < len(layers):
            raise InputError(
                f"--keep-float {number}: the model has layers 0 to {len(layers) - 1}; "
                "`fer-convert debug` lists them"
            )
    return tuple(layers[number] for number in sorted(set(numbers)))


def fewest_layers(
    calibrated: bytes, source: ModelBundle, data: Fer2013 | None, max_drop: float
) -> tuple[Layer, ...]:
    """Return a small set of float32 layers that limits the loss of accuracy of an int8 file.

    Accuracy-controlled quantization: layers are reverted to float32 in order of their int8 error
    until the loss is within the limit; then every layer that is not needed is quantized again.
    Accuracy is measured on the deduplicated PublicTest faces that are not parity faces.

    Args:
        calibrated: Returned by `fer_convert.recipes.calibrated` for batch size 1.
        source: Bundle of the float model.
        data: FER2013, or None if it has not been imported.
        max_drop: Largest allowed loss of accuracy, in percentage points.

    Raises:
        InputError: If `data` is None.
        ParityError: If no set of layers meets the limit.
    """
    if data is None:
        raise InputError("--keep-float auto measures accuracy and needs an imported FER2013")
    validation = other_public_test_faces(
        data, source.input, source.labels, ferplus_votes=source.ferplus_votes
    )
    truth = validation.class_indices(source)

    def accuracy(file: bytes) -> float:
        return float((predict_logits(file, validation.faces).argmax(axis=1) == truth).mean())

    reference = accuracy(calibrated)

    def meets_limit(layers: Sequence[Layer]) -> bool:
        file = quantize_int8(calibrated, keep=[layer.name for layer in layers])
        return accuracy_drop(reference, accuracy(file)) <= max_drop

    ranked = ranked_layers(calibrated, validation.faces[:100])
    count = next((n for n in range(len(ranked)) if meets_limit(ranked[:n])), None)
    if count is None:
        raise ParityError(
            f"no selection of float32 layers keeps the loss of accuracy within {max_drop} points "
            f"on {validation.description}"
        )
    kept = list(ranked[:count])
    for layer in ranked[: max(count - 1, 0)]:
        without = [other for other in kept if other is not layer]
        if meets_limit(without):
            kept = without
    return tuple(sorted(kept, key=lambda layer: layer.number))
