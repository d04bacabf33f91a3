"""Cached predictions of models.

Two kinds of files:

- A cache folder holds one .npy per model and augmentation, named by the SHA-256 of the model file
  and the faces. An interrupted command reuses it.
- A predictions file holds one model's predictions for PublicTest and PrivateTest. It takes the
  model's place in an ensemble when the model itself is not kept: 93 kB instead of many MB and
  hours of training. The .npz contains `public` and `private`, float16 (n, 7), and `manifest`, JSON
  text with the model's reference, the test-time augmentations and the fingerprint of the data. It
  contains no labels and no scores.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.files import sha256_of, write_beside
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.errors import InputError
from fer_sdk.evaluation.fer2013 import PRIVATE_TEST, PUBLIC_TEST, Fer2013
from fer_sdk.evaluation.splits import PredictFunction
from fer_sdk.labels import FER2013_LABELS
from fer_train.data.deterministic_augmentations import augment_at_test_time
from fer_train.evaluation.inference import open_model

Tta = Literal["none", "mirrored", "augmented"]
"""Test-time augmentations that predictions are averaged over: the face alone; the face and its
mirror image; or the twelve of `augment_at_test_time`."""

SCHEMA: Final = 2
SUFFIX: Final = ".npz"
"""Suffix of predictions files, which tells them from models."""
_SPLITS: Final = {"public": PUBLIC_TEST, "private": PRIVATE_TEST}


@dataclass(frozen=True, slots=True)
class ModelReference:
    """The model that predictions come from.

    Attributes:
        name: Folder and name of the model file.
        sha256: SHA-256 of the model file.
        source: `source` of the model's sidecar.
    """

    name: str
    sha256: str
    source: dict[str, str]


@dataclass(frozen=True, slots=True)
class CachedPredictions:
    """Predictions of one model for both test splits.

    Attributes:
        model: The model.
        tta: Test-time augmentations that were averaged.
        data: Fingerprint of the FER2013 data.
        probabilities: float64 (n, 7), by `PUBLIC_TEST` and `PRIVATE_TEST`.
    """

    model: ModelReference
    tta: Tta
    data: str
    probabilities: dict[int, NDArray[np.float64]]


def predict_cached(
    predict: PredictFunction, model_sha256: str, faces: NDArray[np.uint8], cache: Path | None
) -> NDArray[np.float64]:
    """Run a model on faces, or read its predictions from a cache folder.

    Args:
        predict: The model.
        model_sha256: SHA-256 of the model file.
        faces: uint8 (n, 48, 48), range [0, 255].
        cache: Cache folder; None always runs the model.

    Returns:
        Probabilities, float64 (n, classes).
    """
    if cache is None:
        return predict(faces)
    key = hashlib.sha256(model_sha256.encode() + np.ascontiguousarray(faces).tobytes())
    path = cache / f"{key.hexdigest()}.npy"
    if path.exists():
        return np.asarray(np.load(path, allow_pickle=False), np.float64)
    probabilities = predict(faces)
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.save(file, probabilities)
    return probabilities


def predict_with_tta(
    model: Path, faces: NDArray[np.uint8], tta: Tta, cache: Path | None = None
) -> NDArray[np.float64]:
    """Average a model's predictions over test-time augmentations.

    Args:
        model: .keras, .tflite or .onnx file with its sidecar.
        faces: uint8 (n, 48, 48), range [0, 255].
        tta: Test-time augmentations.
        cache: Cache folder; None always runs the model.

    Returns:
        Probabilities, float64 (n, 7).

    Raises:
        FerError: If the bundle is damaged or its labels are not FER2013's.
    """
    with open_model(model) as (bundle, predict):
        if bundle.labels != FER2013_LABELS:
            raise InputError(f"{model} has the labels {bundle.labels}, not FER2013's")
        digest = sha256_of(model)
        if tta == "augmented":
            augmented = augment_at_test_time(faces)
        else:
            mirrored = [np.ascontiguousarray(faces[:, :, ::-1])] if tta == "mirrored" else []
            augmented = iter([faces, *mirrored])
        predictions = [predict_cached(predict, digest, each, cache) for each in augmented]
    return np.asarray(np.mean(predictions, axis=0), np.float64)


def predict_test_splits(
    model: Path,
    data: Fer2013,
    tta: Tta,
    cache: Path | None = None,
    report: Callable[[int], None] = lambda splits: None,
) -> CachedPredictions:
    """PredictFunction PublicTest and PrivateTest; labels are not read.

    Args:
        model: As in `predict_with_tta`.
        data: FER2013.
        tta: Test-time augmentations.
        cache: Cache folder; None always runs the model.
        report: Called with 1 after each split.

    Raises:
        FerError: As in `predict_with_tta`.
    """
    probabilities = {}
    for usage in _SPLITS.values():
        faces = data.pixels[data.rows(usage)]
        probabilities[usage] = predict_with_tta(model, faces, tta, cache)
        report(1)
    return CachedPredictions(model_reference(model), tta, data.fingerprint, probabilities)


def model_reference(path: Path) -> ModelReference:
    """Return the reference of a model file, or the one in a predictions file."""
    if path.suffix == SUFFIX:
        return _read(path).model
    name = f"{path.parent.name}/{path.name}"
    return ModelReference(name, sha256_of(path), dict(ModelBundle.load(path).source))


def save(predictions: CachedPredictions, path: Path) -> None:
    """Write a predictions file; probabilities are rounded to float16."""
    manifest = {
        "schema": SCHEMA,
        "model": predictions.model.name,
        "sha256": predictions.model.sha256,
        "source": predictions.model.source,
        "tta": predictions.tta,
        "data": predictions.data,
    }
    public, private = (
        predictions.probabilities[usage].astype(np.float16) for usage in _SPLITS.values()
    )
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file, public=public, private=private, manifest=np.array(json.dumps(manifest))
        )


def load(path: Path, data: Fer2013, tta: Tta) -> CachedPredictions:
    """Read a predictions file and check that it belongs to this data.

    Raises:
        InputError: If the file is missing or damaged, or was made from other data or with other
            test-time augmentations.
    """
    predictions = _read(path)
    if predictions.data != data.fingerprint:
        raise InputError(
            f"{path} belongs to the data {predictions.data[:12]}..., "
            f"but the loaded data is {data.fingerprint[:12]}..."
        )
    if predictions.tta != tta:
        raise InputError(f"{path} was made with --tta {predictions.tta}, but got --tta {tta}")
    return predictions


def _read(path: Path) -> CachedPredictions:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            manifest = json.loads(str(archive["manifest"]))
            probabilities = {u: archive[name].astype(np.float64) for name, u in _SPLITS.items()}
        if manifest["schema"] != SCHEMA or manifest["tta"] not in get_args(Tta):
            raise ValueError(f"schema {manifest['schema']}, tta {manifest['tta']}")
        model = ModelReference(manifest["model"], manifest["sha256"], manifest["source"])
        return CachedPredictions(model, manifest["tta"], manifest["data"], probabilities)
    except FileNotFoundError as error:
        raise InputError(
            f"no predictions file at {path}: create it with `fer-train ensemble --save-predictions`"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a readable predictions file: {error}") from error
