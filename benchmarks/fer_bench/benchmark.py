"""Accuracy and latency of the same files, by the same code, in one run."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from fer_bench.delegates import compare_with_cpu, open_delegate, where_it_runs
from fer_bench.latency import measure_latency
from fer_bench.result import BenchmarkResult, ModelResult
from fer_sdk.bundle import ModelBundle
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.environment import describe_environment
from fer_sdk.evaluation import evaluate_split
from fer_sdk.fer2013 import Fer2013
from fer_sdk.files import sha256_of

ROUNDS, TIMED_FACES, PARITY_FACES = 11, 200, 100
Report = Callable[[int], None]


def steps(models: int) -> int:
    """Return how many steps `run_benchmark` reports for that many models."""
    return models * (1 + ROUNDS)


def run_benchmark(
    models: Sequence[Path],
    data: Fer2013,
    usages: Sequence[int],
    *,
    delegate: str = "cpu",
    threads: int = 1,
    report: Report = lambda steps: None,
) -> BenchmarkResult:
    """Score and time bundles.

    Args:
        models: .tflite or .onnx files with sidecars.
        data: FER2013.
        usages: As `fer_sdk.evaluation.evaluate_split` takes them.
        delegate: One of `fer_bench.delegates.DELEGATES`.
        threads: CPU threads.
        report: Told about each of `steps` steps.

    Raises:
        NoAdapterError: If the GPU was asked for and there is none.
        FerError: If a bundle is damaged or its runtime is missing.
    """
    faces = data.pixels[data.rows(*usages, clean=True)[:TIMED_FACES]]
    with ExitStack() as stack:
        bundles = [ModelBundle.load(path) for path in models]
        sessions, scores, parities = [], [], []
        for bundle in bundles:
            session = open_delegate(bundle.path, delegate, threads)
            classifier = stack.enter_context(ExpressionClassifier(bundle, session))
            sessions.append(session)
            parities.append(
                compare_with_cpu(session, bundle.path, faces[:PARITY_FACES])
                if delegate == "gpu"
                else None
            )
            scores.append(evaluate_split(data, usages, classifier.probabilities, bundle.labels))
            report(1)
        latencies = measure_latency(sessions, faces, rounds=ROUNDS, report=report)
        places = [where_it_runs(session) for session in sessions]
    rows = zip(bundles, scores, parities, latencies, places, strict=True)
    return BenchmarkResult(
        split=scores[0].split,
        data=data.fingerprint,
        environment=describe_environment(),
        delegate=delegate,
        threads=threads,
        models=tuple(
            ModelResult(
                name=bundle.path.name,
                sha256=sha256_of(bundle.path),
                precision=bundle.precision,
                size_bytes=bundle.path.stat().st_size,
                place=place,
                parity=parity,
                all=scored.all,
                clean=scored.clean,
                latency=latency,
            )
            for bundle, scored, parity, latency, place in rows
        ),
    )
