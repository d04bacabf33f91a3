"""Everything about the same files, by the same code, in one run."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_bench.backends.delegates import open_delegate, where_it_runs
from fer_bench.measure.accuracy import score_answers
from fer_bench.measure.latency import measure_latency, measure_submission, warm_up
from fer_bench.measure.operators import can_profile, profile_operators
from fer_bench.measure.pipeline import measure_end_to_end
from fer_bench.measure.startup import RUNTIMES, measure_first_answer
from fer_bench.measure.sustained import run_sustained
from fer_bench.measure.throughput import measure_throughput
from fer_bench.results.datasets import Faces
from fer_bench.results.schema import (
    SCHEMA,
    Accuracy,
    BenchmarkResult,
    EndToEnd,
    FirstAnswer,
    Latency,
    ModelResult,
    Operator,
    Parity,
    Throughput,
    Window,
)
from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import sha256_of
from fer_sdk._internal.native_log import caught_native_log
from fer_sdk._internal.softmax import softmax
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.inspect import inspect
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.errors import RuntimeFailure
from fer_sdk.preprocess import to_inputs
from fer_sdk.runtimes import Session
from fer_sdk.runtimes.litert_gpu import GpuSession

TIMED_FACES: Final = 256
SMALLEST_SAMPLE: Final = 32
SOFTWARE_SCORING_S: Final = 15.0
"""On a software adapter, where a hundred times slower answers are the same answers."""
OWN_KERNELS: Final = ("cpu", "xnnpack", "onnx")
"""Delegates that are the CPU's own answer, so that there is nothing to compare with it."""
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a benchmark takes.

    Attributes:
        rounds: Turns of each model.
        seconds: Of timing for each model over all rounds.
        samples: Answers of each model, at least.
        scoring_s: Seconds for the accuracy of a model: a slower one is scored on a sample.
        first_answers: Fresh processes for each model.
        throughput_s: Of each of three repetitions; 0 leaves throughput out.
        operators: Whether to profile.
        frames: Of each photo or video.
    """

    rounds: int
    seconds: float
    samples: int
    scoring_s: float
    first_answers: int
    throughput_s: float
    operators: bool
    frames: int


PLANS: Final = {
    "quick": Plan(5, 0.5, 20, 2.0, 1, 0.0, False, 20),
    "normal": Plan(15, 4.0, 60, 20.0, 5, 0.15, True, 60),
    # As MLPerf Mobile asks of a single stream (Janapa Reddi et al. 2022, arxiv.org/abs/2012.02328).
    "full": Plan(30, 60.0, 1024, 600.0, 10, 1.0, True, 300),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """What is measured, and how.

    Attributes:
        mode: One of `PLANS`.
        delegate: One of `fer_bench.backends.delegates.DELEGATES`, or a provider of ONNX Runtime.
        threads: CPU threads.
        minutes: Length of a sustained run of each model; 0 for none.
        sources: Photos and videos to be labelled end to end.
        skip_refused: Leave out models that the delegate does not take, with what it says.
    """

    mode: str = "normal"
    delegate: str = "cpu"
    threads: int = 1
    minutes: float = 0
    sources: tuple[Path, ...] = ()
    skip_refused: bool = False

    @property
    def plan(self) -> Plan:
        """How long each part takes."""
        return PLANS[self.mode]

    def steps(self, models: int) -> int:
        """Return how many steps `run_benchmark` reports for that many models."""
        plan = self.plan
        each = 1 + plan.rounds + (plan.first_answers > 0) + (plan.throughput_s > 0) + plan.operators
        return models * (each + len(self.sources) + round(60 * self.minutes))


@dataclass(slots=True)
class _Opened:
    """A model on its delegate, and what was found out about it on the way."""

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
    report: Report = lambda what: None,
) -> BenchmarkResult:
    """Score and time bundles.

    Args:
        models: .tflite or .onnx files with sidecars.
        faces: What they are scored and timed on.
        settings: What is measured, and how.
        report: Told about each of `Settings.steps` steps.

    Raises:
        NoAdapterError: If the GPU or a provider was asked for and there is none.
        RuntimeFailure: If the delegate refuses a model, or each of them.
        FerError: If a bundle is damaged or its runtime is missing.
    """
    plan = settings.plan
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with ExitStack() as stack:
        opened, refused = _open(models, settings, stack)
        for model in opened:
            _score(model, faces, settings)
            report(f"scored {model.bundle.path.name}")
        timed = [_inputs(model.bundle, faces.sample(TIMED_FACES).pixels) for model in opened]
        latencies = measure_latency(
            [model.session for model in opened],
            timed,
            rounds=plan.rounds,
            seconds=plan.seconds,
            samples=plan.samples,
            report=lambda rounds: report("timing in turns"),
        )
        rows = [
            _row(model, latency, own, settings, report)
            for model, latency, own in zip(opened, latencies, timed, strict=True)
        ]
    return BenchmarkResult(
        schema=SCHEMA,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        mode=settings.mode,
        environment=describe_environment(),
        load_average=load,
        faces=faces.what,
        data=faces.fingerprint,
        delegate=settings.delegate,
        threads=settings.threads,
        models=tuple(rows),
        refused=refused,
    )


def _open(
    models: Sequence[Path], settings: Settings, stack: ExitStack
) -> tuple[list[_Opened], dict[str, str]]:
    opened: list[_Opened] = []
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
        opened.append(_Opened(bundle, classifier, session))
    if last is not None and not opened:
        raise last
    return opened, refused


def _score(model: _Opened, faces: Faces, settings: Settings) -> None:
    """Score a model on as many faces as its time allows, and compare it with the CPU there."""
    first = _inputs(model.bundle, faces.sample(8).pixels)
    each_s = float(np.median(warm_up(model.session, first))) / 1e9
    limit_s = settings.plan.scoring_s
    if _on_software(model):
        limit_s = min(limit_s, SOFTWARE_SCORING_S)
    seen, chosen = faces, len(faces.pixels)
    while chosen > SMALLEST_SAMPLE and chosen * each_s > limit_s:
        chosen = 1 << (chosen - 1).bit_length() - 1  # the next smaller power of two
        seen = faces.sample(chosen)
    inputs = _inputs(model.bundle, seen.pixels)
    labels, temperature = model.bundle.labels, model.bundle.temperature
    logits = model.session.run(inputs)
    model.accuracy = score_answers(seen, faces, softmax(logits, temperature), labels)
    if faces.protocols and not model.accuracy:
        names = " or ".join(protocol.name for protocol in faces.protocols)
        model.unscored = (f"not scored: {names} has other labels than its {', '.join(labels)}",)
    if settings.delegate in OWN_KERNELS:
        return
    reference = open_delegate(model.bundle.path, "cpu", 1)
    expected = reference.run(inputs)
    reference.close()
    on_cpu = score_answers(seen, faces, softmax(expected, temperature), labels)
    model.parity = Parity(
        faces=len(inputs),
        largest_difference=float(np.abs(expected - logits).max() / expected.std()),
        agreement=float((expected.argmax(axis=1) == logits.argmax(axis=1)).mean()),
        cpu_accuracy=on_cpu[0].headline.accuracy if on_cpu else None,
    )


def _row(
    model: _Opened,
    latency: Latency,
    faces: NDArray[np.uint8],
    settings: Settings,
    report: Report,
) -> ModelResult:
    """Measure what models do not take turns for."""
    path, session, delegate = model.bundle.path, model.session, settings.delegate
    parameters, products, uncounted = _contents(path)
    first_answer = _first_answer(path, settings, report)
    throughput = _throughput(model, faces, settings, report)
    operators, unprofiled = _operators(path, faces, settings, report)
    windows: tuple[Window, ...] = ()
    if settings.minutes:
        windows = run_sustained(
            session,
            faces,
            seconds=60 * settings.minutes,
            report=lambda windows: report(f"running {path.name} on and on"),
        )
    end_to_end: list[EndToEnd] = []
    for source in settings.sources:
        end_to_end += measure_end_to_end(model.classifier, source, frames=settings.plan.frames)
        report(f"{source.name} through {path.name}")
    return ModelResult(
        name=path.name,
        peer=False,
        precision=model.bundle.precision,
        size_bytes=path.stat().st_size,
        place=where_it_runs(session, delegate),
        sha256=sha256_of(path),
        parameters=parameters,
        multiply_accumulates=products,
        parity=model.parity,
        accuracy=model.accuracy,
        latency=latency,
        submission=measure_submission(session, faces) if isinstance(session, GpuSession) else None,
        first_answer=first_answer,
        throughput=throughput,
        operators=operators,
        sustained=windows,
        end_to_end=tuple(end_to_end),
        notes=(*model.unscored, *uncounted, *unprofiled),
    )


def _first_answer(path: Path, settings: Settings, report: Report) -> FirstAnswer | None:
    if not settings.plan.first_answers:
        return None
    found: FirstAnswer | None = None
    if settings.delegate in RUNTIMES:
        found = measure_first_answer(
            path, settings.delegate, settings.threads, settings.plan.first_answers
        )
    report(f"started {path.name} anew")
    return found


def _throughput(
    model: _Opened, faces: NDArray[np.uint8], settings: Settings, report: Report
) -> tuple[Throughput, ...]:
    seconds = settings.plan.throughput_s
    if not seconds:
        return ()
    found: tuple[Throughput, ...] = ()
    if not _on_software(model):
        found = measure_throughput(model.bundle.path, settings.delegate, faces, seconds)
    report(f"throughput of {model.bundle.path.name}")
    return found


def _operators(
    path: Path, faces: NDArray[np.uint8], settings: Settings, report: Report
) -> tuple[tuple[Operator, ...], tuple[str, ...]]:
    """Return the operators' times, or why there are none."""
    if not settings.plan.operators:
        return (), ()
    found: tuple[Operator, ...] = ()
    note: tuple[str, ...] = ()
    if can_profile(path, settings.delegate):
        try:
            found = profile_operators(path, faces)
        except RuntimeFailure as error:
            note = (f"operators were not profiled: {error}",)
    report(f"operators of {path.name}")
    return found, note


def _on_software(model: _Opened) -> bool:
    return isinstance(model.session, GpuSession) and model.session.software


def _contents(path: Path) -> tuple[int | None, int | None, tuple[str, ...]]:
    """Return parameters and multiply-accumulates, or why they are not known."""
    try:
        with caught_native_log():
            contents = inspect(path)
    except ImportError as error:  # LiteRT on a board without it, onnx without the extra
        return None, None, (f"parameters were not counted: {error}",)
    return contents.parameters, contents.multiply_accumulates, ()


def _inputs(bundle: ModelBundle, faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring faces to the model's size, where it is another than theirs."""
    if faces.shape[1:] == (bundle.input.height, bundle.input.width):
        return faces
    return to_inputs(list(faces), bundle.input, "grey")
