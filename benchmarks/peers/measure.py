"""Measure the peers and ours on the same faces, in turns.

    python -m peers.measure [--split public|private] [--out docs/results]

Writes peers.json (the schema of fer-bench) and peers.md into the folder. Each peer runs as its
documentation shows and with the threads that it takes by itself; ours runs on one thread.
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
from fer_bench.measure.accuracy import score_answers
from fer_bench.measure.pipeline import PHOTO_WH, fit
from fer_bench.results.datasets import Faces, of_fer2013
from fer_bench.results.schema import (
    SCHEMA,
    Accuracy,
    BenchmarkResult,
    EndToEnd,
    FirstAnswer,
    Latency,
    ModelResult,
    Place,
    write_json,
)
from fer_sdk._internal.environment import describe_environment
from fer_sdk._internal.files import write_beside
from fer_sdk.bundles.bundle import ModelBundle
from fer_sdk.bundles.registry import find_model, shipped_models
from fer_sdk.cli.console import DATA_OPTION, FerCommand, progress_bar
from fer_sdk.evaluation import fer2013
from fer_sdk.inputs.images import read_photo
from fer_sdk.labels import FER2013_LABELS
from peers.build import FOLDER, find_environments
from peers.fragment import write_fragment
from peers.subjects import Subject, Worker, ours, peers

MOST_STARTS: Final = 5
TURN_S: Final = 0.25
"""How long one turn of one subject lasts, at least one call."""
MOST_CALLS: Final = 50
SCORING_S: Final = 180
"""A subject that would take longer for all faces is scored on an even sample of them."""


@dataclass(slots=True)
class Measured:
    """What is known of a subject; times in nanoseconds."""

    subject: Subject
    starts: list[dict[str, float]] = field(default_factory=list)
    runtime: str = ""
    accuracy: tuple[Accuracy, ...] = ()
    warmup: tuple[int, ...] = ()
    net: list[tuple[int, ...]] = field(default_factory=list)
    whole: dict[int | None, list[tuple[int, ...]]] = field(default_factory=dict)
    found: dict[int | None, int] = field(default_factory=dict)


@click.command(cls=FerCommand)
@DATA_OPTION
@click.option("--split", type=click.Choice(list(USAGES)), default="public", show_default=True,
              help="Read private once, last, for a final table.")  # fmt: skip
@click.option("--photo", type=click.Path(path_type=Path), show_default=True,
              default=Path("examples/eileen_collins.png"),
              help="Fitted into 640x480, the whole call's input.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(2), default=11, show_default=True)
@click.option("--sample", type=click.IntRange(100),
              help="Score on an even sample of so many faces.")  # fmt: skip
@click.option("--model", "models", multiple=True,
              help="Ours; default: every shipped int8 .tflite of FER2013's classes.")  # fmt: skip
@click.option("--peers", "folder", type=click.Path(path_type=Path), default=FOLDER,
              show_default=True, help="Where `python -m peers.build` built them.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/results"),
              show_default=True)  # fmt: skip
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
    """Measure ours and the peers in turns; write peers.json and peers.md into OUT."""
    find_environments(folder)
    bundles = [ModelBundle.load(find_model(model)) for model in models] or _shipped_int8()
    image = fit(read_photo(photo), PHOTO_WH)
    faces = of_fer2013(fer2013.load(data), USAGES[split])
    subjects = [*(ours(bundle.path, bundle.precision) for bundle in bundles), *peers(folder)]
    measured = [Measured(subject) for subject in subjects]
    load = os.getloadavg()[0]
    starts = min(rounds, MOST_STARTS)
    total = len(subjects) * (starts + 1 + rounds)
    with _kept(image) as file, progress_bar(total=total, unit=" turns") as bar:
        for _ in range(starts):
            for one in measured:
                bar.set_description(f"starting {one.subject.name}")
                one.starts.append(_start(one.subject, faces, file))
                bar.update(1)
        _take_turns(measured, faces, sample, file, rounds, bar)
    result = BenchmarkResult(
        schema=SCHEMA,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        mode="peers",
        environment=describe_environment(),
        load_average=load,
        faces=faces.what,
        data=faces.fingerprint,
        delegate="cpu",
        threads=1,
        models=tuple(_row(one, photo.name) for one in measured),
    )
    write_json(result, out / "peers.json")
    with write_beside(out / "peers.md") as temporary:
        write_fragment(result, temporary)
    click.echo(out / "peers.md")


def _shipped_int8() -> list[ModelBundle]:
    bundles = [ModelBundle.load(path) for path in shipped_models().values()]
    found = [
        bundle
        for bundle in bundles
        if (bundle.precision, bundle.path.suffix) == ("int8", ".tflite")
        and bundle.labels == FER2013_LABELS
    ]
    return sorted(found, key=lambda bundle: bundle.path.stat().st_size)


@contextmanager
def _kept(image: NDArray[np.uint8]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "photo.npy"
        np.save(file, image)
        yield str(file)


def _start(subject: Subject, faces: Faces, photo: str) -> dict[str, float]:
    """Start a fresh process, take its first answer (a whole photo where it can), end it."""
    with closing(Worker(subject)) as worker:
        began = worker.age_s
        if subject.finds_faces:
            worker.ask("whole", file=photo, calls=1, max_side=None)
        else:
            worker.answer(faces.pixels[:1])
        ended = worker.age_s
        peak = worker.ask("memory")["peak_mb"]
    return {**worker.first, "answer_s": ended - began, "total_s": ended, "peak_mb": peak}


def _take_turns(
    measured: list[Measured], faces: Faces, most: int | None, photo: str, rounds: int, bar: Any
) -> None:
    with ExitStack() as stack:
        workers = [stack.enter_context(closing(Worker(one.subject))) for one in measured]
        calls = []
        for one, worker in zip(measured, workers, strict=True):
            bar.set_description(f"scoring {one.subject.name}")
            _score(one, worker, faces, most or len(faces.pixels))
            calls.append(_warm_up(one, worker, photo))
            bar.update(1)
        for number in range(rounds):
            for one, worker, (of_net, of_whole) in zip(measured, workers, calls, strict=True):
                bar.set_description(f"timing {one.subject.name}")
                one.net.append(_times(worker, "net", first=number * of_net, calls=of_net))
                for side in one.whole:
                    turn = _times(worker, "whole", file=photo, calls=of_whole, max_side=side)
                    one.whole[side].append(turn)
                bar.update(1)


def _score(one: Measured, worker: Worker, faces: Faces, most: int) -> None:
    worker.answer(faces.pixels[:2])  # to warm up
    began = worker.age_s
    worker.answer(faces.pixels[:20])
    seconds = (worker.age_s - began) / 20
    sample = faces.sample(min(most, max(100, int(SCORING_S / seconds))))
    answer = worker.answer(sample.pixels)
    one.runtime = answer["runtime"]
    probabilities = in_our_order(np.array(answer["probabilities"]), answer["labels"])
    one.accuracy = score_answers(sample, faces, probabilities, FER2013_LABELS)


def in_our_order(probabilities: NDArray[np.float64], labels: list[str]) -> NDArray[np.float64]:
    """Return FER2013's seven classes in its order, each row summing to 1; others are left out.

    Args:
        probabilities: (n, labels).
        labels: FER2013's names in any order, and perhaps more.
    """
    ours = probabilities[:, [labels.index(label) for label in FER2013_LABELS]]
    return np.asarray(ours / ours.sum(axis=1, keepdims=True))


def _warm_up(one: Measured, worker: Worker, photo: str) -> tuple[int, int]:
    """Return how many calls of net and photo fill a turn."""
    one.warmup = _times(worker, "net", first=0, calls=10)
    slowest = 0.0
    for side in one.subject.max_sides if one.subject.finds_faces else ():
        answer = worker.ask("whole", file=photo, calls=5, max_side=side)
        one.whole[side], one.found[side] = [], len(answer["labels"])
        slowest = max(slowest, float(np.median(answer["ns"])))
    return _calls(float(np.median(one.warmup))), _calls(slowest)


def _calls(nanoseconds: float) -> int:
    return int(np.clip(TURN_S * 1e9 / max(nanoseconds, 1.0), 1, MOST_CALLS))


def _times(worker: Worker, do: str, **values: Any) -> tuple[int, ...]:
    return tuple(worker.ask(do, **values)["ns"])


def _row(one: Measured, photo: str) -> ModelResult:
    def column(name: str) -> tuple[float, ...]:
        return tuple(start[name] for start in one.starts)

    subject = one.subject
    ends = tuple(
        EndToEnd(
            source=photo,
            image_wh=PHOTO_WH,
            detection_wh=None if side is None else (side, side * PHOTO_WH[1] // PHOTO_WH[0]),
            faces=one.found[side] * sum(map(len, timed)),
            stages_ns={"whole": tuple(time for turn in timed for time in turn)},
        )
        for side, timed in one.whole.items()
    )
    names = ("import_s", "load_s", "answer_s", "total_s", "bare_mb", "imported_mb", "peak_mb")
    return ModelResult(
        name=subject.name,
        peer=subject.peer,
        precision=subject.precision,
        size_bytes=sum(file.stat().st_size for file in subject.files),
        place=Place("cpu", one.runtime),
        accuracy=one.accuracy,
        latency=Latency(one.warmup, tuple(one.net)),
        first_answer=FirstAnswer(**{name: column(name) for name in names}),
        end_to_end=ends,
        notes=subject.notes,
    )


if __name__ == "__main__":
    main()
