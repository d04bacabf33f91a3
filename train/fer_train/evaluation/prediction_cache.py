"""What a network answered about the test splits, for ensembles that meet when it is gone.

Teachers are too large to keep and take hours to train again. A ballot, 93 kB, holds `public` and
`private`, float16 (n, 7), the means of the answers to some views, and `manifest`, JSON text: the
network's name and hash, what was asked, where it was trained. It holds no labels and no scores.
"""

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
from fer_sdk.labels import FER2013_LABELS
from fer_train.data.tta import augmented
from fer_train.evaluation.inference import opened
from fer_train.evaluation.predictions import answer

Views = Literal["face", "mirrored", "augmented"]
"""What an answer is the mean over: the face alone, it and its mirror image, or the twelve views of
test-time augmentation (`fer_train.data.tta.augmented`)."""

SCHEMA: Final = 1
SUFFIX: Final = ".npz"
_SPLITS: Final = {"public": PUBLIC_TEST, "private": PRIVATE_TEST}


@dataclass(frozen=True, slots=True)
class Voter:
    """Who cast a ballot.

    Attributes:
        name: Folder and name of its file.
        sha256: Of its file.
        source: Of its sidecar.
    """

    name: str
    sha256: str
    source: dict[str, str]


@dataclass(frozen=True, slots=True)
class Ballot:
    """One network's answers.

    Attributes:
        voter: Whose.
        views: What it was asked about.
        data: Fingerprint of the FER2013 that the faces are of.
        answers: Probabilities, float64 (n, 7), by `PUBLIC_TEST` and `PRIVATE_TEST`.
    """

    voter: Voter
    views: Views
    data: str
    answers: dict[int, NDArray[np.float64]]


def ask(
    model: Path, faces: NDArray[np.uint8], views: Views, kept: Path | None = None
) -> NDArray[np.float64]:
    """Ask a network about faces.

    Args:
        model: .keras, .tflite or .onnx file with its sidecar.
        faces: uint8 (n, 48, 48), range [0, 255].
        views: Of each face.
        kept: Folder of answers that need not be asked again; new ones are added.

    Returns:
        Probabilities, float64 (n, 7).

    Raises:
        FerError: If the bundle is damaged or its labels are not FER2013's.
    """
    with opened(model) as (bundle, predict):
        if bundle.labels != FER2013_LABELS:
            raise InputError(f"{model} has the labels {bundle.labels}, not FER2013's")
        digest = sha256_of(model)
        if views == "augmented":
            seen = augmented(faces)
        else:
            mirrors = [np.ascontiguousarray(faces[:, :, ::-1])] if views == "mirrored" else []
            seen = iter([faces, *mirrors])
        answers = [answer(predict, digest, view, kept) for view in seen]
    return np.asarray(np.mean(answers, axis=0), np.float64)


def cast(
    model: Path,
    data: Fer2013,
    views: Views,
    kept: Path | None = None,
    report: Callable[[int], None] = lambda splits: None,
) -> Ballot:
    """Ask a network about PublicTest and PrivateTest; arguments and errors as `ask` has them."""
    answers = {}
    for usage in _SPLITS.values():
        answers[usage] = ask(model, data.pixels[data.rows(usage)], views, kept)
        report(1)
    return Ballot(voter(model), views, data.fingerprint, answers)


def voter(path: Path) -> Voter:
    """Return who a model file or a ballot is of."""
    if path.suffix == SUFFIX:
        return _read(path).voter
    name = f"{path.parent.name}/{path.name}"
    return Voter(name, sha256_of(path), dict(ModelBundle.load(path).source))


def save(ballot: Ballot, path: Path) -> None:
    """Write a ballot."""
    manifest = {
        "schema": SCHEMA,
        "model": ballot.voter.name,
        "sha256": ballot.voter.sha256,
        "source": ballot.voter.source,
        "views": ballot.views,
        "data": ballot.data,
    }
    public, private = (ballot.answers[usage].astype(np.float16) for usage in _SPLITS.values())
    with write_beside(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file, public=public, private=private, manifest=np.array(json.dumps(manifest))
        )


def load(path: Path, data: Fer2013, views: Views) -> Ballot:
    """Read a ballot.

    Raises:
        InputError: If it is missing, damaged, or of other faces or views.
    """
    ballot = _read(path)
    if ballot.data != data.fingerprint:
        raise InputError(
            f"{path} is of the data {ballot.data[:12]}..., "
            f"but the faces are {data.fingerprint[:12]}..."
        )
    if ballot.views != views:
        raise InputError(f"{path} answers --views {ballot.views}, but was asked for {views}")
    return ballot


def _read(path: Path) -> Ballot:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            manifest = json.loads(str(archive["manifest"]))
            answers = {u: archive[name].astype(np.float64) for name, u in _SPLITS.items()}
        if manifest["schema"] != SCHEMA or manifest["views"] not in get_args(Views):
            raise ValueError(f"schema {manifest['schema']}, views {manifest['views']}")
        who = Voter(manifest["model"], manifest["sha256"], manifest["source"])
        return Ballot(who, manifest["views"], manifest["data"], answers)
    except FileNotFoundError as error:
        raise InputError(f"no ballot at {path}: `fer-train ballot` writes them") from error
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is no readable ballot: {error}") from error
