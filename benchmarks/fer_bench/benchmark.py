"""Accuracy and latency of the same files, by the same code, in one run."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from fer_bench.environment import describe_environment
from fer_bench.latency import measure_latency
from fer_bench.result import BenchmarkResult, ModelResult
from fer_sdk.bundle import ModelBundle
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.console import native_log_hidden
from fer_sdk.evaluation import evaluate_split
from fer_sdk.fer2013 import USAGES, Fer2013
from fer_sdk.files import sha256_of
from fer_sdk.runtimes import open_session

ROUNDS, FACES = 11, 200
Report = Callable[[int], None]


def steps(models: int) -> int:
    """Return how many steps `run_benchmark` reports for that many models."""
    return models * (1 + ROUNDS)


def run_benchmark(
    models: Sequence[Path],
    data: Fer2013,
    usage: int,
    *,
    runtime: str | None = None,
    threads: int = 1,
    report: Report = lambda steps: None,
) -> BenchmarkResult:
    """Score and time bundles.

    Args:
        models: .tflite or .onnx files with sidecars.
        data: FER2013.
        usage: `fer_sdk.fer2013.PUBLIC_TEST` or `PRIVATE_TEST`.
        runtime: One of `fer_sdk.runtimes.RUNTIMES`, or None for the file's own.
        threads: CPU threads.
        report: Told about each of `steps` steps.

    Raises:
        FerError: If a bundle is damaged or its runtime is missing.
    """
    with ExitStack() as stack:
        bundles = [ModelBundle.load(path) for path in models]
        with native_log_hidden():
            sessions = [open_session(b.path, runtime=runtime, threads=threads) for b in bundles]
        scores = []
        for bundle, session in zip(bundles, sessions, strict=True):
            classifier = stack.enter_context(ExpressionClassifier(bundle, session))
            scores.append(evaluate_split(data, usage, classifier.probabilities, bundle.labels))
            report(1)
        faces = data.pixels[data.rows(usage, clean=True)[:FACES]]
        latencies = measure_latency(sessions, faces, rounds=ROUNDS, report=report)
    return BenchmarkResult(
        split=USAGES[usage],
        data=data.fingerprint,
        environment=describe_environment(),
        models=tuple(
            ModelResult(
                name=bundle.path.name,
                sha256=sha256_of(bundle.path),
                precision=bundle.precision,
                size_bytes=bundle.path.stat().st_size,
                runtime=runtime or ("onnx" if bundle.path.suffix == ".onnx" else "litert"),
                threads=threads,
                all=scored.all,
                clean=scored.clean,
                latency=latency,
            )
            for bundle, scored, latency in zip(bundles, scores, latencies, strict=True)
        ),
    )
