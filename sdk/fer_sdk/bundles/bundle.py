"""Model files and their sidecars: `name.tflite` and `name.tflite.json`, linked by a SHA-256."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk.bundles.prior import BALANCED, TRAINING, Prior, PriorChoice, for_shares
from fer_sdk.errors import BundleError, InputError
from fer_sdk.preprocess import RESIZE, CropSpec, InputSpec

SCHEMA: Final = 1
MAX_SIDECAR_BYTES: Final = 1 << 20
Precision = Literal["float32", "float16", "dynamic", "int8", "int16x8"]
"""Precision of weights and activations; "dynamic" is int8 weights with float32 activations."""
_KEYS: Final = {
    "schema", "sha256", "labels", "precision", "input", "output", "temperature",
    "uncertain_below", "license", "source", "metrics",
}  # fmt: skip
_OPTIONAL_KEYS: Final = {"priors", "default_prior"}


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

        The key `label_convention` of `source` states it, "FER2013" or "FER+"; a model with
        contempt, which FER2013 lacks, follows FER+ in any case.
        """
        return self.source.get("label_convention") == "FER+" or "contempt" in self.labels

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
        path = Path(path)
        sidecar = sidecar_of(path)
        if not path.is_file():
            raise BundleError(f"no model at {path}")
        try:
            if sidecar.stat().st_size > MAX_SIDECAR_BYTES:
                raise BundleError(f"{sidecar} must have at most {MAX_SIDECAR_BYTES} bytes")
            text = json.loads(sidecar.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BundleError(
                f"{path} has no sidecar: expected {sidecar.name} beside it"
            ) from error
        except (OSError, ValueError, RecursionError) as error:
            raise BundleError(f"{sidecar} is not readable JSON: {error}") from error
        try:
            bundle = _parse(path, text)
        except _WrongKeyError as error:
            raise BundleError(f"{sidecar}: {error}") from error
        actual = sha256_of(path)
        if actual != text["sha256"]:
            raise BundleError(
                f"{path} has the SHA-256 {actual[:12]}..., but its sidecar states "
                f"{text['sha256'][:12]}...: the model is truncated or changed, or the sidecar "
                "belongs to another model; export or download both again"
            )
        return bundle

    def write_sidecar(self) -> None:
        """Write the sidecar with the current hash of the model file.

        Raises:
            BundleError: If the model file is missing or a value is invalid.
            OutputError: If the sidecar cannot be written.
        """
        if not self.path.is_file():
            raise BundleError(f"cannot write {self.sidecar}: no model at {self.path}")
        crop = self.input.crop
        text = {
            "schema": SCHEMA,
            "sha256": sha256_of(self.path),
            "labels": list(self.labels),
            "precision": self.precision,
            "input": {
                "height": self.input.height,
                "width": self.input.width,
                "color": "grey",
                "resize": RESIZE,
                "crop": {
                    "right_eye": list(crop.right_eye),
                    "left_eye": list(crop.left_eye),
                    "mouth": list(crop.mouth),
                },
            },
            "output": "logits",
            "temperature": self.temperature,
            "uncertain_below": self.uncertain_below,
            "license": self.license,
            "source": self.source,
            "metrics": list(self.metrics),
        }
        if self.priors:
            text["priors"] = {name: _prior_text(prior) for name, prior in self.priors.items()}
            text["default_prior"] = self.default_prior
        try:
            _parse(self.path, text)
        except _WrongKeyError as error:
            raise BundleError(f"cannot write {self.sidecar}: {error}") from error
        with write_beside(self.sidecar) as temporary:
            temporary.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")


def sidecar_of(model: str | Path) -> Path:
    """Return the path of a model's sidecar: the model's path with ".json" added."""
    model = Path(model)
    return model.with_name(model.name + ".json")


class _WrongKeyError(Exception):
    """A key of the sidecar is missing, unknown or invalid."""


def _parse(path: Path, text: Any) -> ModelBundle:
    if not isinstance(text, dict) or text.get("schema") != SCHEMA:
        came = text.get("schema") if isinstance(text, dict) else type(text).__name__
        raise _WrongKeyError(f"schema must be {SCHEMA}, but is {came!r}")
    _check_names(text, _KEYS, "the sidecar", _OPTIONAL_KEYS)
    spec = _check(text, "input", lambda v: isinstance(v, dict), "an object")
    _check_names(spec, {"height", "width", "color", "resize", "crop"}, "input")
    crop = _check(spec, "crop", lambda v: isinstance(v, dict), "an object")
    _check_names(crop, {"right_eye", "left_eye", "mouth"}, "crop")
    _check(text, "sha256", _is_hash, "64 hexadecimal digits")
    _check(text, "output", lambda v: v == "logits", "'logits'")
    _check(spec, "color", lambda v: v == "grey", "'grey'")
    _check(spec, "resize", lambda v: v == RESIZE, repr(RESIZE))
    points = {
        name: _check(crop, name, _is_point, "two numbers, x and y, in pixels of the input")
        for name in ("right_eye", "left_eye", "mouth")
    }
    if not _is_triangle(points):
        raise _WrongKeyError(
            "crop must have eyes and mouth at three points that are not on one line"
        )
    labels = _check(text, "labels", _are_labels, "at least two different printable names")
    priors = _parse_priors(text.get("priors", {}), len(labels))
    default_prior = text.get("default_prior", TRAINING)
    if default_prior not in (*priors, TRAINING):
        raise _WrongKeyError(
            f"default_prior must be one of {[*priors, TRAINING]}, "
            f"but is {str(default_prior)[:60]!r}"
        )
    return ModelBundle(
        path=path,
        labels=tuple(labels),
        precision=_check(
            text, "precision", lambda v: v in get_args(Precision), f"one of {get_args(Precision)}"
        ),
        input=InputSpec(
            height=_check(spec, "height", _is_side, "an integer from 8 to 1024"),
            width=_check(spec, "width", _is_side, "an integer from 8 to 1024"),
            crop=CropSpec(**{name: (float(x), float(y)) for name, (x, y) in points.items()}),
        ),
        temperature=_check(text, "temperature", _is_temperature, "0.01 to 100"),
        uncertain_below=_check(
            text, "uncertain_below", lambda v: _is_number(v) and 0 <= v <= 1, "a number 0 to 1"
        ),
        license=_check(text, "license", _is_name, "a printable name"),
        source=_check(text, "source", _is_text_map, "an object whose values are strings"),
        metrics=tuple(
            _check(
                text, "metrics", _are_metrics, "objects with data, split, n and an accuracy 0 to 1"
            )
        ),
        priors=priors,
        default_prior=default_prior,
    )


def _parse_priors(found: Any, classes: int) -> dict[str, Prior]:
    if not isinstance(found, dict) or not all(map(_is_name, found)) or TRAINING in found:
        raise _WrongKeyError(
            f"priors must be an object by name, without {TRAINING!r}, but is {str(found)[:60]!r}"
        )
    priors = {}
    for name, text in found.items():
        if not isinstance(text, dict):
            raise _WrongKeyError(f"the prior {name} must be an object, but is {str(text)[:60]!r}")
        _check_names(text, {"offsets", "temperature"}, f"the prior {name}")
        offsets = _check(
            text,
            "offsets",
            lambda v: isinstance(v, list) and len(v) == classes and all(map(_is_number, v)),
            f"{classes} numbers, one for each label",
        )
        temperature = _check(text, "temperature", _is_temperature, "0.01 to 100")
        priors[name] = Prior(tuple(map(float, offsets)), float(temperature))
    return priors


def _prior_text(prior: Prior) -> dict[str, Any]:
    return {"offsets": list(prior.offsets), "temperature": prior.temperature}


def _check_names(
    found: dict[str, Any], expected: set[str], where: str, optional: Iterable[str] = ()
) -> None:
    missing, unknown = expected - set(found), set(found) - expected - set(optional)
    if missing or unknown:
        raise _WrongKeyError(
            f"{where} must have the keys {sorted(expected)}: "
            f"missing {sorted(missing)}, unknown {sorted(unknown)}"
        )


def _check(found: dict[str, Any], key: str, good: Callable[[Any], bool], expected: str) -> Any:
    if not good(found[key]):
        raise _WrongKeyError(f"{key} must be {expected}, but is {str(found[key])[:60]!r}")
    return found[key]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e6


def _is_temperature(value: Any) -> bool:
    return _is_number(value) and 0.01 <= value <= 100


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 8 <= value <= 1024


def _is_point(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _are_labels(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= 2
        and all(map(_is_name, value))
        and len(set(value)) == len(value)
    )


def _is_name(value: Any) -> bool:
    # Printable in terminals and tables: no line breaks, control characters or lone surrogates.
    return isinstance(value, str) and 0 < len(value) <= 100 and value.isprintable()


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _is_triangle(points: dict[str, list[float]]) -> bool:
    """Return whether the points define a crop: area of 1 px or more, coordinates within 4096 px."""
    (ax, ay), (bx, by), (cx, cy) = points.values()
    area = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2
    return area >= 1 and all(abs(side) <= 4096 for point in points.values() for side in point)


def _is_text_map(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())


def _are_metrics(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(v, dict)
        and {"data", "split", "n"} <= set(v)
        and _is_name(v["data"])
        and _is_name(v["split"])
        and isinstance(v["n"], int)
        and _is_number(v.get("accuracy", 0))
        and 0 <= v.get("accuracy", 0) <= 1
        for v in value
    )
