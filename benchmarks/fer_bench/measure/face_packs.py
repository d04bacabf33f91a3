"""Scores of models on a labelled face pack, under a class prior."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_bench.backends.delegates import open_delegate
from fer_bench.measure.inputs import model_inputs
from fer_sdk._internal.files import sha256_of
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.prior import PriorChoice
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.evaluation.face_pack import FacePack
from fer_sdk.evaluation.pack_scores import PackScores, score_pack


@dataclass(frozen=True, slots=True)
class PackResult:
    """Scores of one model.

    Attributes:
        model: File name.
        sha256: Hash of the file.
        prior: Name of the class prior, or shares as LABEL=SHARE,...
        scores: Scores under that prior.
    """

    model: str
    sha256: str
    prior: str
    scores: PackScores


def score_on_pack(
    models: Sequence[Path],
    faces: FacePack,
    *,
    prior: PriorChoice = None,
    delegate: str = "cpu",
    threads: int = 1,
    progress: Callable[[], object] = lambda: None,
) -> tuple[PackResult, ...]:
    """Score models on all faces of a pack.

    Args:
        models: .tflite or .onnx files with sidecars.
        faces: Faces with the column `label`.
        prior: As in `ExpressionClassifier.load`; None takes each model's own default.
        delegate: A key of `fer_bench.backends.delegates.DELEGATES`, or an ONNX Runtime provider.
        threads: Number of CPU threads.
        progress: Called after each model.

    Raises:
        InputError: If the pack lacks a label that is scored, or a model lacks the prior.
        FerError: If a bundle is damaged, its runtime is missing or the delegate refuses it.
    """
    results = []
    for path in models:
        bundle = ModelBundle.load(path)
        bundle.prior(prior)  # an unknown prior is an error before the model is opened
        session = open_delegate(path, delegate, threads)
        with ExpressionClassifier(bundle, session, prior=prior) as classifier:
            probabilities = classifier.probabilities(model_inputs(bundle, faces.pixels))
        name = _name(bundle.default_prior if prior is None else prior)
        scores = score_pack(faces.labels, probabilities, bundle.labels)
        results.append(PackResult(path.name, sha256_of(path), name, scores))
        progress()
    return tuple(results)


def _name(prior: str | Mapping[str, float]) -> str:
    if isinstance(prior, str):
        return prior
    return ",".join(f"{label}={share:g}" for label, share in prior.items())
