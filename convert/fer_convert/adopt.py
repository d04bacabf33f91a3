"""Sidecars for model files of another origin, from what their owner states about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_convert.foreign import channels_of, check_kind, missing_of, size_of
from fer_convert.synthetic_faces import synthetic_faces
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk.bundles.bundle import ModelBundle, Precision
from fer_sdk.bundles.inspect import Contents, inspect
from fer_sdk.bundles.output_kind import kind_of_outputs, probe_faces
from fer_sdk.bundles.validation import read_model
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import BundleError, InputError
from fer_sdk.preprocess import FER2013_INPUT, CropSpec, InputSpec, PixelFormat, Point
from fer_sdk.recognizer import ExpressionRecognizer
from fer_sdk.results import Expression
from fer_sdk.runtimes import open_session

SYNTHETIC_FACES = 6


@dataclass(frozen=True, slots=True)
class Statement:
    """What the owner of a network states about it; none of it can be read from the file.

    Attributes:
        labels: Names of the outputs, in their order.
        pixels: Channels and numbers that the network takes.
        zoom: Size of the face in the crop, relative to that of FER2013: below 1 more of the head
            and of what is around it is shown.
        license: SPDX identifier of the license.
        uncertain_below: Confidence below which a prediction is reported as uncertain.
    """

    labels: tuple[str, ...]
    pixels: PixelFormat
    zoom: float
    license: str
    uncertain_below: float


@dataclass(frozen=True, slots=True)
class SamplePrediction:
    """Prediction of a network for a sample face.

    Attributes:
        face: Name of the face.
        expression: The prediction.
    """

    face: str
    expression: Expression


def adopt_model(
    path: Path, statement: Statement, photos: Sequence[Path] = ()
) -> tuple[ModelBundle, list[SamplePrediction]]:
    """Describe a model file and run it on sample faces; nothing is written.

    Whether the network returns logits or probabilities is found on data.

    Args:
        path: A .tflite or .onnx file.
        statement: What its owner states.
        photos: Photos whose faces are the samples; synthetic faces if there is none.

    Returns:
        The bundle, whose `write_sidecar` writes the sidecar, and the predictions.

    Raises:
        InputError: If the file is of another kind or lacks something, or a photo cannot be read or
            shows no face.
        BundleError: If the network ends in sigmoid, or the number of labels is not its own.
        RuntimeFailure: If a runtime cannot load the file, or its outputs are not finite.
    """
    check_kind(path)
    with captured_native_log():
        contents = inspect(path)
    lacking = missing_of(path, contents, "", "")
    if lacking:
        raise InputError(f"{path} lacks {lacking[0]}")
    read_model(path)
    (entry,) = contents.inputs
    if channels_of(entry) != statement.pixels.channels:
        raise InputError(
            f"{path} takes {channels_of(entry)} channels, so its color cannot be "
            f"{statement.pixels.color}: state {'grey' if channels_of(entry) == 1 else 'rgb or bgr'}"
        )
    spec = InputSpec(*size_of(entry), _crop(size_of(entry), statement.zoom), statement.pixels)
    with captured_native_log():
        session = open_session(path, pixels=statement.pixels)
    try:
        outputs = session.run(probe_faces(spec))
        kind = kind_of_outputs(outputs)
        if kind == "sigmoid":
            raise BundleError(
                f"{path} ends in sigmoid: its outputs are within 0 and 1 and do not sum to 1; "
                "remove the sigmoid, or end the network in softmax"
            )
        bundle = ModelBundle(
            path=path,
            labels=statement.labels,
            precision=_precision(contents),
            input=spec,
            temperature=1.0,
            uncertain_below=statement.uncertain_below,
            license=statement.license,
            source={"file": path.name, "sidecar": "fer-convert adopt"},
            metrics=(),
            output=kind,
        )
        if session.classes != len(bundle.labels):
            raise BundleError(
                f"{path} has {session.classes} outputs, but {len(bundle.labels)} labels are "
                f"given: {', '.join(bundle.labels)}"
            )
        classifier = ExpressionClassifier(bundle, session)
        return bundle, _predictions(classifier, photos)
    finally:
        session.close()


def constant_label(predictions: Sequence[SamplePrediction]) -> str | None:
    """Return the label of all predictions if it is the same; None if they differ or are few."""
    labels = {prediction.expression.label for prediction in predictions}
    return labels.pop() if len(labels) == 1 and len(predictions) >= 3 else None


def _predictions(
    classifier: ExpressionClassifier, photos: Sequence[Path]
) -> list[SamplePrediction]:
    if not photos:
        spec = classifier.bundle.input
        grey = InputSpec(spec.height, spec.width, spec.crop)
        faces = list(synthetic_faces(SYNTHETIC_FACES, grey))
        found = classifier.classify(faces, color="grey")
        return [SamplePrediction(f"synthetic face {i}", one) for i, one in enumerate(found, 1)]
    predictions = []
    recognizer = ExpressionRecognizer(classifier)
    for photo in photos:
        result = recognizer.recognize(photo)
        if not result:
            raise InputError(f"no face found in {photo}: choose another photo")
        for number, face in enumerate(result, 1):
            scores = np.array([face.scores[label] for label in classifier.bundle.labels])
            expression = Expression(
                label=face.label,
                confidence=face.confidence,
                uncertain=face.uncertain,
                labels=classifier.bundle.labels,
                probabilities=tuple(scores.tolist()),
            )
            predictions.append(SamplePrediction(f"{photo.name}, face {number}", expression))
    return predictions


def _crop(size_hw: tuple[int, int], zoom: float) -> CropSpec:
    """Return FER2013's crop in another size, enlarged by `zoom` about the input's centre."""
    height, width = size_hw

    def moved(point: Point) -> Point:
        pairs = ((point[0], width, FER2013_INPUT.width), (point[1], height, FER2013_INPUT.height))
        x, y = (
            round(zoom * ((at + 0.5) * side / base - side / 2) + side / 2 - 0.5, 2)
            for at, side, base in pairs
        )
        return x, y

    crop = FER2013_INPUT.crop
    return CropSpec(moved(crop.right_eye), moved(crop.left_eye), moved(crop.mouth))


def _precision(contents: Contents) -> Precision:
    if "int16" in contents.tensors:
        return "int16x8"
    if "int8" in contents.tensors or "uint8" in contents.tensors:
        return "dynamic" if "CONV_2D" in contents.float_operators else "int8"
    return "float16" if "float16" in contents.tensors else "float32"
