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

from fer_bench.accuracy import score_answers
from fer_bench.delegates import open_delegate, where_it_runs
from fer_bench.end_to_end import measure_end_to_end
from fer_bench.faces import Faces
from fer_bench.first_answer import RUNTIMES, measure_first_answer
from fer_bench.latency import measure_latency, measure_submission, warm_up
from fer_bench.operators import can_profile, profile_operators
from fer_bench.result import (
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
from fer_bench.sustained import run_sustained
from fer_bench.throughput import measure_throughput
from fer_sdk.bundle import ModelBundle
from fer_sdk.classifier import ExpressionClassifier
from fer_sdk.environment import describe_environment
from fer_sdk.errors import MissingDependencyError, RuntimeFailure
from fer_sdk.files import sha256_of
from fer_sdk.inspect import inspect
from fer_sdk.native_log import caught_native_log
from fer_sdk.preprocess import to_inputs
from fer_sdk.runtimes import Session
from fer_sdk.runtimes.litert_gpu import GpuSession
from fer_sdk.softmax import softmax

TIMED_FACES: Final = 256
SMALLEST_SAMPLE: Final = 32
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
    "quick": Plan(5, 0.5, 50, 2.0, 1, 0.0, False, 20),
    "normal": Plan(15, 4.0, 150, 20.0, 5, 0.15, True, 60),
    # As MLPerf Mobile asks of a single stream (Janapa Reddi et al. 2022, arxiv.org/abs/2012.02328).
    "full": Plan(30, 60.0, 1024, 600.0, 10, 1.0, True, 300),
}


def steps(models: int, plan: Plan, minutes: float, sources: int) -> int:
    """Return how many steps `run_benchmark` reports."""
    each = 1 + plan.rounds + (plan.first_answers > 0) + (plan.throughput_s > 0) + plan.operators
    return models * (each + sources + round(60 * minutes))


@dataclass(slots=True)
class _Opened:
    """A model on its delegate, and what was found out about it on the way."""

    bundle: ModelBundle
    classifier: ExpressionClassifier
    session: Session
    accuracy: tuple[Accuracy, ...] = ()
    parity: Parity | None = None


def run_benchmark(
    models: Sequence[Path],
    faces: Faces,
    *,
    mode: str = "normal",
    delegate: str = "cpu",
    threads: int = 1,
    minutes: float = 0,
    sources: Sequence[Path] = (),
    skip_refused: bool = False,
    report: Report = lambda what: None,
) -> BenchmarkResult:
    """Score and time bundles.

    Args:
        models: .tflite or .onnx files with sidecars.
        faces: What they are scored and timed on.
        mode: One of `PLANS`.
        delegate: One of `fer_bench.delegates.DELEGATES`, or a provider of ONNX Runtime.
        threads: CPU threads.
        minutes: Length of a sustained run of each model; 0 for none.
        sources: Photos and videos to be labelled end to end.
        skip_refused: Leave out models that the delegate does not take, with what it says.
        report: Told about each of `steps` steps.

    Raises:
        NoAdapterError: If the GPU or a provider was asked for and there is none.
        RuntimeFailure: If the delegate refuses a model, or each of them.
        FerError: If a bundle is damaged or its runtime is missing.
    """
    plan = PLANS[mode]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    with ExitStack() as stack:
        opened, refused = _open(models, delegate, threads, stack, skip_refused=skip_refused)
        for model in opened:
            _score(model, faces, delegate, plan)
            report(f"scored {model.bundle.path.name}")
        timed = [_inputs(model.bundle, faces.sample(TIMED_FACES).pixels) for model in opened]
        latencies = measure_latency(
            [model.session for model in opened],
            timed,
            rounds=plan.rounds,
            seconds=plan.seconds,
            samples=plan.samples,
            report=lambda turns: report("timing in turns"),
        )
        rows = [
            _row(model, latency, own, delegate, threads, plan, minutes, sources, report)
            for model, latency, own in zip(opened, latencies, timed, strict=True)
        ]
    return BenchmarkResult(
        schema=SCHEMA,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        mode=mode,
        environment=describe_environment(),
        load_average=load,
        faces=faces.what,
        data=faces.fingerprint,
        delegate=delegate,
        threads=threads,
        models=tuple(rows),
        refused=refused,
    )


def _open(
    models: Sequence[Path], delegate: str, threads: int, stack: ExitStack, *, skip_refused: bool
) -> tuple[list[_Opened], dict[str, str]]:
    opened: list[_Opened] = []
    refused: dict[str, str] = {}
    last: RuntimeFailure | None = None
    for path in models:
        bundle = ModelBundle.load(path)
        try:
            session = open_delegate(path, delegate, threads)
        except RuntimeFailure as error:
            if error.exit_code == 3 or not skip_refused:
                raise
            refused[path.name], last = str(error), error
            continue
        classifier = stack.enter_context(ExpressionClassifier(bundle, session))
        opened.append(_Opened(bundle, classifier, session))
    if last is not None and not opened:
        raise last
    return opened, refused


def _score(model: _Opened, faces: Faces, delegate: str, plan: Plan) -> None:
    """Score a model on as many faces as its time allows, and compare it with the CPU there."""
    first = _inputs(model.bundle, faces.sample(8).pixels)
    each_s = float(np.median(warm_up(model.session, first))) / 1e9
    seen, chosen = faces, len(faces.pixels)
    while chosen > SMALLEST_SAMPLE and chosen * each_s > plan.scoring_s:
        chosen = 1 << (chosen - 1).bit_length() - 1  # the next smaller power of two
        seen = faces.sample(chosen)
    inputs = _inputs(model.bundle, seen.pixels)
    labels, temperature = model.bundle.labels, model.bundle.temperature
    logits = model.session.run(inputs)
    model.accuracy = score_answers(seen, faces, softmax(logits, temperature), labels)
    if delegate in OWN_KERNELS:
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
    delegate: str,
    threads: int,
    plan: Plan,
    minutes: float,
    sources: Sequence[Path],
    report: Report,
) -> ModelResult:
    """Measure what models do not take turns for."""
    path, session, notes = model.bundle.path, model.session, []
    first_answer: FirstAnswer | None = None
    throughput: tuple[Throughput, ...] = ()
    operators: tuple[Operator, ...] = ()
    windows: tuple[Window, ...] = ()
    end_to_end: list[EndToEnd] = []
    if plan.first_answers:
        if delegate in RUNTIMES:
            first_answer = measure_first_answer(path, delegate, threads, plan.first_answers)
        report(f"started {path.name} anew")
    if plan.throughput_s:
        throughput = measure_throughput(path, delegate, faces, plan.throughput_s)
        report(f"throughput of {path.name}")
    if plan.operators:
        if can_profile(path, delegate):
            try:
                operators = profile_operators(path, faces)
            except RuntimeFailure as error:
                notes.append(f"operators were not profiled: {error}")
        report(f"operators of {path.name}")
    if minutes:
        windows = run_sustained(
            session,
            faces,
            seconds=60 * minutes,
            report=lambda windows: report(f"running {path.name} on and on"),
        )
    for source in sources:
        end_to_end += measure_end_to_end(model.classifier, source, frames=plan.frames)
        report(f"{source.name} through {path.name}")
    parameters, products, note = _contents(path)
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
        notes=(*notes, *note),
    )


def _contents(path: Path) -> tuple[int | None, int | None, tuple[str, ...]]:
    """Return parameters and multiply-accumulates, or why they are not known."""
    try:
        with caught_native_log():
            contents = inspect(path)
    except MissingDependencyError as error:
        return None, None, (f"parameters were not counted: {error}",)
    return contents.parameters, contents.multiply_accumulates, ()


def _inputs(bundle: ModelBundle, faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring faces to the model's size, where it is another than theirs."""
    if faces.shape[1:] == (bundle.input.height, bundle.input.width):
        return faces
    return to_inputs(list(faces), bundle.input, "grey")
