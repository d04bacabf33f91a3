"""The complete benchmark of one or more models: every measurement, in one run."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.backends.delegates import describe_backend, open_delegate
from fer_bench.measure.accuracy import score_predictions
from fer_bench.measure.inputs import model_inputs
from fer_bench.measure.latency import measure_latency, measure_submission, warm_up
from fer_bench.measure.operators import can_profile, profile_operators
from fer_bench.measure.pipeline import measure_pipeline
from fer_bench.measure.plan import Settings
from fer_bench.measure.startup import RUNTIMES, measure_startup
from fer_bench.measure.sustained import run_sustained
from fer_bench.measure.throughput import measure_throughput
from fer_bench.results.datasets import Faces
from fer_bench.results.schema import (
    SCHEMA,
    Accuracy,
    BenchmarkResult,
    Latency,
    ModelResult,
    Operator,
    Parity,
    PipelineTimes,
    Startup,
    Throughput,
    Window,
)
from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import sha256_of
from fer_sdk._internal.native_log import captured_native_log
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.inspect import inspect
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import RuntimeFailure
from fer_sdk.runtimes import Session
from fer_sdk.runtimes.litert_gpu import GpuSession

TIMED_FACES: Final = 256
SMALLEST_SAMPLE: Final = 32
SOFTWARE_SCORING_S: Final = 15.0
"""Scoring time limit on a software adapter, which is about a hundred times slower than a GPU."""
CPU_DELEGATES: Final = ("cpu", "xnnpack", "onnx")
"""Delegates whose predictions are the CPU reference, so that no parity is measured."""
Progress = Callable[[str], None]


@dataclass(slots=True)
class _LoadedModel:
    """A model opened on its delegate, with its scores."""

    bundle: ModelBundle
    classifier: ExpressionClassifier
    session: Session
    accuracy: tuple[Accuracy, ...] = ()
    parity: Parity | None = None
    unscored: tuple[str, ...] = ()


def run_benchmark(
    models: Sequence[Path],
    faces: Faces,
    settings: Settings,
    progress: Progress = lambda step: None,
) -> BenchmarkResult:
    """Measure accuracy, latency and costs of model bundles.

    Args:
        models: .tflite or .onnx files with sidecars.
        faces: Faces that the models are scored and timed on.
        settings: What is measured, and on which backend.
        progress: Called with a description after each of `Settings.steps` steps.

    Raises:
        NoAdapterError: If the GPU or an execution provider was requested and there is none.
        RuntimeFailure: If the delegate does not support a model, or with `skip_refused` none.
        FerError: If a bundle is damaged or its runtime is missing.
    """
    plan = settings.plan
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with ExitStack() as stack:
        opened, refused = _open(models, settings, stack)
        for model in opened:
            _score(model, faces, settings)
            progress(f"accuracy of {model.bundle.path.name}")
        timed = [model_inputs(model.bundle, faces.sample(TIMED_FACES).pixels) for model in opened]
        latencies = measure_latency(
            [model.session for model in opened],
            timed,
            rounds=plan.rounds,
            seconds=plan.seconds,
            samples=plan.samples,
            progress=lambda rounds: progress("latency, interleaved"),
        )
        rows = [
            _row(model, latency, own, settings, progress)
            for model, latency, own in zip(opened, latencies, timed, strict=True)
        ]
    return BenchmarkResult(
        schema=SCHEMA,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        mode=settings.mode,
        environment=describe_environment(),
        load_average=load,
        dataset=faces.description,
        fingerprint=faces.fingerprint,
        delegate=settings.delegate,
        threads=settings.threads,
        models=tuple(rows),
        refused=refused,
    )


def _open(
    models: Sequence[Path], settings: Settings, stack: ExitStack
) -> tuple[list[_LoadedModel], dict[str, str]]:
    opened: list[_LoadedModel] = []
    refused: dict[str, str] = {}
    last: RuntimeFailure | None = None
    for path in models:
        bundle = ModelBundle.load(path)
        try:
            session = open_delegate(path, settings.delegate, settings.threads)
        except RuntimeFailure as error:
            if error.exit_code == 3 or not settings.skip_refused:
                raise
            refused[path.name], last = str(error), error
            continue
        classifier = stack.enter_context(ExpressionClassifier(bundle, session))
        opened.append(_LoadedModel(bundle, classifier, session))
    if last is not None and not opened:
        raise last
    return opened, refused


def _score(model: _LoadedModel, faces: Faces, settings: Settings) -> None:
    """Score a model on as many faces as the time limit allows, and measure its parity."""
    first = model_inputs(model.bundle, faces.sample(8).pixels)
    each_s = float(np.median(warm_up(model.session, first))) / 1e9
    limit_s = settings.plan.scoring_s
    if _on_software(model):
        limit_s = min(limit_s, SOFTWARE_SCORING_S)
    sample, count = faces, len(faces.pixels)
    while count > SMALLEST_SAMPLE and count * each_s > limit_s:
        count = 1 << (count - 1).bit_length() - 1  # the next smaller power of two
        sample = faces.sample(count)
    inputs = model_inputs(model.bundle, sample.pixels)
    labels, temperature = model.bundle.labels, model.bundle.temperature
    logits = model.session.run(inputs)
    model.accuracy = score_predictions(sample, faces, softmax(logits, temperature), labels)
    if faces.protocols and not model.accuracy:
        names = " or ".join(protocol.name for protocol in faces.protocols)
        model.unscored = (f"not scored: {names} has other labels than its {', '.join(labels)}",)
    if settings.delegate in CPU_DELEGATES:
        return
    reference = open_delegate(model.bundle.path, "cpu", 1)
    expected = reference.run(inputs)
    reference.close()
    on_cpu = score_predictions(sample, faces, softmax(expected, temperature), labels)
    model.parity = Parity(
        faces=len(inputs),
        largest_difference=float(np.abs(expected - logits).max() / expected.std()),
        agreement=float((expected.argmax(axis=1) == logits.argmax(axis=1)).mean()),
        cpu_accuracy=on_cpu[0].headline.accuracy if on_cpu else None,
    )


def _row(
    model: _LoadedModel,
    latency: Latency,
    faces: NDArray[np.uint8],
    settings: Settings,
    progress: Progress,
) -> ModelResult:
    """Run the measurements that are not interleaved with other models."""
    path, session, delegate = model.bundle.path, model.session, settings.delegate
    parameters, products, uncounted = _contents(path)
    startup = _startup(path, settings, progress)
    throughput = _throughput(model, faces, settings, progress)
    operators, unprofiled = _operators(path, faces, settings, progress)
    windows: tuple[Window, ...] = ()
    if settings.minutes:
        windows = run_sustained(
            session,
            faces,
            seconds=60 * settings.minutes,
            progress=lambda windows: progress(f"sustained run of {path.name}"),
        )
    pipeline: list[PipelineTimes] = []
    for source in settings.sources:
        pipeline += measure_pipeline(model.classifier, source, frames=settings.plan.frames)
        progress(f"pipeline of {path.name} on {source.name}")
    return ModelResult(
        name=path.name,
        peer=False,
        precision=model.bundle.precision,
        size_bytes=path.stat().st_size,
        backend=describe_backend(session, delegate),
        sha256=sha256_of(path),
        parameters=parameters,
        multiply_accumulates=products,
        parity=model.parity,
        accuracy=model.accuracy,
        latency=latency,
        submission=measure_submission(session, faces) if isinstance(session, GpuSession) else None,
        startup=startup,
        throughput=throughput,
        operators=operators,
        sustained=windows,
        pipeline=tuple(pipeline),
        notes=(*model.unscored, *uncounted, *unprofiled),
    )


def _startup(path: Path, settings: Settings, progress: Progress) -> Startup | None:
    if not settings.plan.startups:
        return None
    found: Startup | None = None
    if settings.delegate in RUNTIMES:
        found = measure_startup(path, settings.delegate, settings.threads, settings.plan.startups)
    progress(f"startup of {path.name}")
    return found


def _throughput(
    model: _LoadedModel, faces: NDArray[np.uint8], settings: Settings, progress: Progress
) -> tuple[Throughput, ...]:
    seconds = settings.plan.throughput_s
    if not seconds:
        return ()
    found: tuple[Throughput, ...] = ()
    if not _on_software(model):
        found = measure_throughput(model.bundle.path, settings.delegate, faces, seconds)
    progress(f"throughput of {model.bundle.path.name}")
    return found


def _operators(
    path: Path, faces: NDArray[np.uint8], settings: Settings, progress: Progress
) -> tuple[tuple[Operator, ...], tuple[str, ...]]:
    """Return the operators' times, and a note if profiling failed."""
    if not settings.plan.operators:
        return (), ()
    found: tuple[Operator, ...] = ()
    note: tuple[str, ...] = ()
    if can_profile(path, settings.delegate):
        try:
            found = profile_operators(path, faces)
        except RuntimeFailure as error:
            note = (f"operators were not profiled: {error}",)
    progress(f"operators of {path.name}")
    return found, note


def _on_software(model: _LoadedModel) -> bool:
    return isinstance(model.session, GpuSession) and model.session.software


def _contents(path: Path) -> tuple[int | None, int | None, tuple[str, ...]]:
    """Return parameters and multiply-accumulates, and a note if they cannot be counted."""
    try:
        with captured_native_log():
            contents = inspect(path)
    except ImportError as error:  # LiteRT on a board without it, onnx without the extra
        return None, None, (f"parameters were not counted: {error}",)
    return contents.parameters, contents.multiply_accumulates, ()
