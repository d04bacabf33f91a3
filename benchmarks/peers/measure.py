"""Measure FER SDK and other packages on the same faces, interleaved.

    python -m peers.measure [--split public|private] [--out docs/results]

Writes peers.json (schema of fer-bench), peers.md and accuracy-latency.png into the folder. Other
packages run as their documentation shows, with their default number of threads; FER SDK runs on one
thread.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
from numpy.typing import NDArray

from fer_bench.cli.main import USAGES
from fer_bench.measure.accuracy import score_predictions
from fer_bench.measure.pipeline import PHOTO_WH, fit
from fer_bench.results.datasets import Faces, of_fer2013
from fer_bench.results.schema import (
    SCHEMA,
    Accuracy,
    Backend,
    BenchmarkResult,
    Latency,
    ModelResult,
    PipelineTimes,
    Startup,
)
from fer_bench.results.storage import write_json
from fer_sdk._internal.environment import describe_environment
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.registry import find_model, shipped_models
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.evaluation import fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.labels import FER2013_LABELS
from peers.build import FOLDER, find_environments
from peers.candidates import Candidate, ours, peers
from peers.page import write_page
from peers.process import WorkerProcess

MAX_STARTS: Final = 5
ROUND_S: Final = 0.25
"""Duration of one round of one candidate, in seconds; at least one call."""
MAX_CALLS: Final = 50
SCORING_S: Final = 180
"""Time limit for scoring; a slower candidate is scored on evenly spaced faces."""


@dataclass(slots=True)
class Measured:
    """Measurements of a candidate; times in nanoseconds."""

    candidate: Candidate
    starts: list[dict[str, float]] = field(default_factory=list)
    runtime: str = ""
    accuracy: tuple[Accuracy, ...] = ()
    warmup: tuple[int, ...] = ()
    network: list[tuple[int, ...]] = field(default_factory=list)
    photo: dict[int | None, list[tuple[int, ...]]] = field(default_factory=dict)
    found: dict[int | None, int] = field(default_factory=dict)


@click.command(cls=FerCommand)
@DATA_OPTION
@click.option("--split", type=click.Choice(list(USAGES)), default="public", show_default=True,
              help="Use private only once, for a final table.")  # fmt: skip
@click.option("--photo", type=click.Path(path_type=Path), show_default=True,
              default=Path("examples/eileen_collins.png"),
              help="Photo for the complete call; fitted into 640x480.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(2), default=11, show_default=True,
              help="Number of interleaved timing rounds.")  # fmt: skip
@click.option("--sample", type=click.IntRange(100),
              help="Score on at most so many evenly spaced faces.")  # fmt: skip
@click.option("--model", "models", multiple=True,
              help="Model of FER SDK, can be repeated; default: all shipped int8 .tflite models of "
              "FER2013's classes.")  # fmt: skip
@click.option("--peers", "folder", type=click.Path(path_type=Path), default=FOLDER,
              show_default=True, help="Folder of `python -m peers.build`.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True, help="Folder for the results.")  # fmt: skip
def main(
    data: Path,
    split: str,
    photo: Path,
    rounds: int,
    sample: int | None,
    models: tuple[str, ...],
    folder: Path,
    out: Path,
) -> None:
    """Measure FER SDK and other packages; write peers.json, peers.md and accuracy-latency.png."""
    find_environments(folder)
    bundles = [ModelBundle.load(find_model(model)) for model in models] or _shipped_int8()
    image = fit(read_photo(photo), PHOTO_WH)
    faces = of_fer2013(fer2013.load(data), USAGES[split])
    candidates = [*(ours(bundle.path, bundle.precision) for bundle in bundles), *peers(folder)]
    measured = [Measured(candidate) for candidate in candidates]
    load = os.getloadavg()[0]
    starts = min(rounds, MAX_STARTS)
    total = len(candidates) * (starts + 1 + rounds)
    with _saved(image) as file, progress_bar(total=total, unit=" steps") as bar:
        for _ in range(starts):
            for one in measured:
                bar.set_description(f"starting {one.candidate.name}")
                one.starts.append(_start(one.candidate, faces, file))
                bar.update(1)
        _time_interleaved(measured, faces, sample, file, rounds, bar)
    result = BenchmarkResult(
        schema=SCHEMA,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        mode="peers",
        environment=describe_environment(),
        load_average=load,
        dataset=faces.description,
        fingerprint=faces.fingerprint,
        delegate="cpu",
        threads=1,
        models=tuple(_row(one, photo.name) for one in measured),
    )
    write_json(result, out / "peers.json")
    write_page(result, out)
    click.echo(out / "peers.md")


def _shipped_int8() -> list[ModelBundle]:
    bundles = [ModelBundle.load(path) for path in shipped_models().values()]
    found = [
        bundle
        for bundle in bundles
        if (bundle.precision, bundle.path.suffix) == ("int8", ".tflite")
        and not bundle.ferplus_votes
    ]
    return sorted(found, key=lambda bundle: bundle.path.stat().st_size)


@contextmanager
def _saved(image: NDArray[np.uint8]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photo.npy"
        np.save(file, image)
        yield str(file)


def _start(candidate: Candidate, faces: Faces, photo: str) -> dict[str, float]:
    """Measure a fresh process up to its first prediction, on the photo if it detects faces."""
    with closing(WorkerProcess(candidate)) as worker:
        began = worker.age_s
        if candidate.finds_faces:
            worker.request("recognize", file=photo, calls=1, max_side=None)
        else:
            worker.classify(faces.pixels[:1])
        ended = worker.age_s
        peak = worker.request("memory")["peak_mb"]
    return {**worker.startup, "inference_s": ended - began, "total_s": ended, "peak_mb": peak}


def _time_interleaved(
    measured: list[Measured], faces: Faces, limit: int | None, photo: str, rounds: int, bar: Any
) -> None:
    with ExitStack() as stack:
        workers = [stack.enter_context(closing(WorkerProcess(one.candidate))) for one in measured]
        calls = []
        for one, worker in zip(measured, workers, strict=True):
            bar.set_description(f"scoring {one.candidate.name}")
            _score(one, worker, faces, limit or len(faces.pixels))
            calls.append(_warm_up(one, worker, photo))
            bar.update(1)
        for number in range(rounds):
            for one, worker, (network_calls, photo_calls) in zip(
                measured, workers, calls, strict=True
            ):
                bar.set_description(f"timing {one.candidate.name}")
                one.network.append(
                    _times(worker, "infer", first=number * network_calls, calls=network_calls)
                )
                for side in one.photo:
                    times = _times(
                        worker, "recognize", file=photo, calls=photo_calls, max_side=side
                    )
                    one.photo[side].append(times)
                bar.update(1)


def _score(one: Measured, worker: WorkerProcess, faces: Faces, limit: int) -> None:
    worker.classify(faces.pixels[:2])  # to warm up
    began = worker.age_s
    worker.classify(faces.pixels[:20])
    seconds = (worker.age_s - began) / 20
    sample = faces.sample(min(limit, max(100, int(SCORING_S / seconds))))
    found = worker.classify(sample.pixels)
    one.runtime = found["runtime"]
    probabilities = in_fer2013_order(np.array(found["probabilities"]), found["labels"])
    one.accuracy = score_predictions(sample, faces, probabilities, FER2013_LABELS)


def in_fer2013_order(probabilities: NDArray[np.float64], labels: list[str]) -> NDArray[np.float64]:
    """Reorder probabilities to FER2013's seven classes; drop other classes and normalize.

    Args:
        probabilities: Float (n, labels), range [0, 1].
        labels: All of FER2013's labels in any order, and possibly others.

    Returns:
        float64 (n, 7); each row sums to 1.
    """
    ours = probabilities[:, [labels.index(label) for label in FER2013_LABELS]]
    return np.asarray(ours / ours.sum(axis=1, keepdims=True))


def _warm_up(one: Measured, worker: WorkerProcess, photo: str) -> tuple[int, int]:
    """Return the number of calls per round, for the network and for the photo."""
    one.warmup = _times(worker, "infer", first=0, calls=10)
    slowest = 0.0
    for side in one.candidate.max_sides if one.candidate.finds_faces else ():
        found = worker.request("recognize", file=photo, calls=5, max_side=side)
        one.photo[side], one.found[side] = [], len(found["labels"])
        slowest = max(slowest, float(np.median(found["ns"])))
    return _calls(float(np.median(one.warmup))), _calls(slowest)


def _calls(nanoseconds: float) -> int:
    return int(np.clip(ROUND_S * 1e9 / max(nanoseconds, 1.0), 1, MAX_CALLS))


def _times(worker: WorkerProcess, do: str, **values: Any) -> tuple[int, ...]:
    return tuple(worker.request(do, **values)["ns"])


def _row(one: Measured, photo: str) -> ModelResult:
    def column(name: str) -> tuple[float, ...]:
        return tuple(start[name] for start in one.starts)

    candidate = one.candidate
    ends = tuple(
        PipelineTimes(
            source=photo,
            image_wh=PHOTO_WH,
            detection_wh=None if side is None else (side, side * PHOTO_WH[1] // PHOTO_WH[0]),
            faces=one.found[side] * sum(map(len, timed)),
            stages_ns={"total": tuple(time for times in timed for time in times)},
        )
        for side, timed in one.photo.items()
    )
    names = ("import_s", "load_s", "inference_s", "total_s", "bare_mb", "imported_mb", "peak_mb")
    return ModelResult(
        name=candidate.name,
        peer=candidate.peer,
        precision=candidate.precision,
        size_bytes=sum(file.stat().st_size for file in candidate.files),
        backend=Backend("cpu", one.runtime),
        accuracy=one.accuracy,
        latency=Latency(one.warmup, tuple(one.network)),
        startup=Startup(**{name: column(name) for name in names}),
        pipeline=ends,
        notes=candidate.notes,
    )


if __name__ == "__main__":
    main()
