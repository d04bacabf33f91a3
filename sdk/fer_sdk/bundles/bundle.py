"""Model files and their sidecars: `name.tflite` and `name.tflite.json`, linked by a SHA-256."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from fer_sdk.bundles.output_kind import Output
from fer_sdk.bundles.prior import BALANCED, TRAINING, Prior, PriorChoice, for_shares
from fer_sdk.bundles.sidecar import (
    WrongKeyError,
    are_metrics,
    check,
    check_names,
    check_schema,
    is_hash,
    is_name,
    is_number,
    is_text_map,
    read_sidecar,
    sidecar_of,
    write_sidecar,
)
from fer_sdk.errors import InputError
from fer_sdk.preprocess import RAW_GREY, RESIZE, Color, CropSpec, InputSpec, PixelFormat, PixelRange

SCHEMA: Final = 1
PIXELS_SCHEMA: Final = 2
"""Schema of networks that do not take grey levels 0 to 255: `input` has the key "pixels". Readers
of schema 1 reject them instead of passing them other numbers."""
Precision = Literal["float32", "float16", "dynamic", "int8", "int16x8"]
"""Precision of weights and activations; "dynamic" is int8 weights with float32 activations."""
_KEYS: Final = {
    "schema", "sha256", "labels", "precision", "input", "output", "temperature",
    "uncertain_below", "license", "source", "metrics",
}  # fmt: skip
_OPTIONAL_KEYS: Final = {"priors", "default_prior"}
LABEL_CONVENTIONS: Final = ("FER2013", "FER+")
_SOURCE: Final = (
    "an object whose values are strings, with the label_convention "
    f"{' or '.join(LABEL_CONVENTIONS)}, if any"
)


@dataclass(frozen=True, slots=True)
class ModelBundle:
    """A validated model file and the settings that are needed to use it.

    Attributes:
        path: Model file: .tflite, .onnx or .keras.
        labels: Labels of the model's outputs, in their order.
        precision: Precision of weights and activations.
        input: Size and crop of the model's input.
        temperature: Divisor of the logits before softmax, 0.01 to 100 (Guo et al. 2017,
            https://arxiv.org/abs/1706.04599).
        uncertain_below: Confidence, 0 to 1, below which a prediction is reported as uncertain.
        license: SPDX identifier of the license.
        source: Origin of the model, such as recipe, data and versions, as text by name.
        metrics: Measured scores; each has the keys data, split and n.
        priors: Class priors by name, see `fer_sdk.bundles.prior`; may be empty.
        default_prior: Prior that a classifier uses by default: a name in `priors`, or "training".
        output: What the model returns: "logits", or "probabilities" after softmax.
    """

    path: Path
    labels: tuple[str, ...]
    precision: Precision
    input: InputSpec
    temperature: float
    uncertain_below: float
    license: str
    source: dict[str, str]
    metrics: tuple[dict[str, Any], ...]
    priors: dict[str, Prior] = field(default_factory=dict)
    default_prior: str = TRAINING
    output: Output = "logits"

    def prior(self, wanted: PriorChoice = None) -> Prior:
        """Return the constants of a class prior.

        Args:
            wanted: A name in `priors`; "training" for the class frequencies of the training data;
                a share for every label; or None for `default_prior`.

        Raises:
            InputError: If the model has no such prior, or shares are given for a model without the
                prior "balanced", or they are incomplete.
        """
        if isinstance(wanted, Mapping):
            if BALANCED not in self.priors:
                raise InputError(
                    f"{self.path.name} has no balanced prior, which shares are relative to: "
                    "it can only be used with the prior 'training'"
                )
            return for_shares(self.priors[BALANCED], self.labels, wanted)
        name = self.default_prior if wanted is None else wanted
        if name == TRAINING:
            return Prior((0.0,) * len(self.labels), self.temperature)
        if name not in self.priors:
            raise InputError(
                f"{self.path.name} has no prior {name!r}: it has "
                f"{', '.join([*self.priors, TRAINING])}"
            )
        return self.priors[name]

    @property
    def different_priors(self) -> tuple[str, ...]:
        """Names of the priors, "training" first, without those that equal it."""
        training = self.prior(TRAINING)
        return (TRAINING, *(name for name, prior in self.priors.items() if prior != training))

    @property
    def ferplus_votes(self) -> bool:
        """Whether the labels follow FER+'s votes, what crowds see, and not FER2013's labels.

        The key `label_convention` of `source` states it, "FER2013" or "FER+"; without the key, the
        model follows FER+ only if it has the label contempt, which FER2013 lacks.
        """
        default = "FER+" if "contempt" in self.labels else "FER2013"
        return self.source.get("label_convention", default) == "FER+"

    @property
    def sidecar(self) -> Path:
        """Path of the sidecar, a JSON file in the folder of the model."""
        return sidecar_of(self.path)

    @classmethod
    def load(cls, path: str | Path) -> "ModelBundle":
        """Read a model's sidecar and validate it and the hash of the model file.

        Args:
            path: The model file. The sidecar has the same name with ".json" added.

        Raises:
            BundleError: If a file is missing, a key of the sidecar is missing, unknown or invalid,
                or the hash is not that of the model file.
        """
        return read_sidecar(Path(path), _parse)

    def write_sidecar(self) -> None:
        """Write the sidecar with the current hash of the model file.

        Raises:
            BundleError: If the model file is missing or a value is invalid.
            OutputError: If the sidecar cannot be written.
        """
        crop = self.input.crop
        pixels = self.input.pixels
        text: dict[str, Any] = {
            "schema": SCHEMA if pixels == RAW_GREY else PIXELS_SCHEMA,
            "labels": list(self.labels),
            "precision": self.precision,
            "input": {
                "height": self.input.height,
                "width": self.input.width,
                "color": pixels.color,
                **({} if pixels == RAW_GREY else {"pixels": pixels.range}),
                "resize": RESIZE,
                "crop": {
                    "right_eye": list(crop.right_eye),
                    "left_eye": list(crop.left_eye),
                    "mouth": list(crop.mouth),
                },
            },
            "output": self.output,
            "temperature": self.temperature,
            "uncertain_below": self.uncertain_below,
            "license": self.license,
            "source": self.source,
            "metrics": list(self.metrics),
        }
        if self.priors:
            text["priors"] = {name: _prior_text(prior) for name, prior in self.priors.items()}
            text["default_prior"] = self.default_prior
        write_sidecar(self.path, text, _parse)


def _parse(path: Path, text: Any) -> ModelBundle:
    with_pixels = isinstance(text, dict) and text.get("schema") == PIXELS_SCHEMA
    check_schema(text, PIXELS_SCHEMA if with_pixels else SCHEMA)
    check_names(text, _KEYS, "the sidecar", _OPTIONAL_KEYS)
    spec = check(text, "input", lambda v: isinstance(v, dict), "an object")
    names = {"height", "width", "color", "resize", "crop"}
    check_names(spec, names | {"pixels"} if with_pixels else names, "input")
    crop = check(spec, "crop", lambda v: isinstance(v, dict), "an object")
    check_names(crop, {"right_eye", "left_eye", "mouth"}, "crop")
    check(text, "sha256", is_hash, "64 hexadecimal digits")
    output = check(text, "output", lambda v: v in get_args(Output), "'logits' or 'probabilities'")
    pixels = _parse_pixels(spec) if with_pixels else RAW_GREY
    if not with_pixels:
        check(spec, "color", lambda v: v == "grey", "'grey'")
    check(spec, "resize", lambda v: v == RESIZE, repr(RESIZE))
    points = {
        name: check(crop, name, _is_point, "two numbers, x and y, in pixels of the input")
        for name in ("right_eye", "left_eye", "mouth")
    }
    if not _is_triangle(points):
        raise WrongKeyError(
            "crop must have eyes and mouth at three points that are not on one line"
        )
    labels = check(text, "labels", _are_labels, "at least two different printable names")
    priors = _parse_priors(text.get("priors", {}), len(labels))
    default_prior = text.get("default_prior", TRAINING)
    if default_prior not in (*priors, TRAINING):
        raise WrongKeyError(
            f"default_prior must be one of {[*priors, TRAINING]}, "
            f"but is {str(default_prior)[:60]!r}"
        )
    return ModelBundle(
        path=path,
        labels=tuple(labels),
        precision=check(
            text, "precision", lambda v: v in get_args(Precision), f"one of {get_args(Precision)}"
        ),
        input=InputSpec(
            height=check(spec, "height", _is_side, "an integer from 8 to 1024"),
            width=check(spec, "width", _is_side, "an integer from 8 to 1024"),
            crop=CropSpec(**{name: (float(x), float(y)) for name, (x, y) in points.items()}),
            pixels=pixels,
        ),
        temperature=check(text, "temperature", _is_temperature, "0.01 to 100"),
        uncertain_below=check(
            text, "uncertain_below", lambda v: is_number(v) and 0 <= v <= 1, "a number 0 to 1"
        ),
        license=check(text, "license", is_name, "a printable name"),
        source=check(text, "source", _is_source, _SOURCE),
        metrics=tuple(
            check(
                text, "metrics", are_metrics, "objects with data, split, n and an accuracy 0 to 1"
            )
        ),
        priors=priors,
        default_prior=default_prior,
        output=output,
    )


def _parse_pixels(spec: dict[str, Any]) -> PixelFormat:
    color = check(spec, "color", lambda v: v in get_args(Color), f"one of {get_args(Color)}")
    pixels = check(
        spec, "pixels", lambda v: v in get_args(PixelRange), f"one of {get_args(PixelRange)}"
    )
    try:
        return PixelFormat(color, pixels)
    except InputError as error:
        raise WrongKeyError(str(error)) from error


def _is_source(value: Any) -> bool:
    return is_text_map(value) and value.get("label_convention", "FER+") in LABEL_CONVENTIONS


def _parse_priors(found: Any, classes: int) -> dict[str, Prior]:
    if not isinstance(found, dict) or not all(map(is_name, found)) or TRAINING in found:
        raise WrongKeyError(
            f"priors must be an object by name, without {TRAINING!r}, but is {str(found)[:60]!r}"
        )
    priors = {}
    for name, text in found.items():
        if not isinstance(text, dict):
            raise WrongKeyError(f"the prior {name} must be an object, but is {str(text)[:60]!r}")
        check_names(text, {"offsets", "temperature"}, f"the prior {name}")
        offsets = check(
            text,
            "offsets",
            lambda v: isinstance(v, list) and len(v) == classes and all(map(is_number, v)),
            f"{classes} numbers, one for each label",
        )
        temperature = check(text, "temperature", _is_temperature, "0.01 to 100")
        priors[name] = Prior(tuple(map(float, offsets)), float(temperature))
    return priors


def _prior_text(prior: Prior) -> dict[str, Any]:
    return {"offsets": list(prior.offsets), "temperature": prior.temperature}


def _is_temperature(value: Any) -> bool:
    return is_number(value) and 0.01 <= value <= 100


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 8 <= value <= 1024


def _is_point(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_number, value))


def _are_labels(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= 2
        and all(map(is_name, value))
        and len(set(value)) == len(value)
    )


def _is_triangle(points: dict[str, list[float]]) -> bool:
    """Return whether the points define a crop: area of 1 px or more, coordinates within 4096 px."""
    (ax, ay), (bx, by), (cx, cy) = points.values()
    area = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2
    return area >= 1 and all(abs(side) <= 4096 for point in points.values() for side in point)
