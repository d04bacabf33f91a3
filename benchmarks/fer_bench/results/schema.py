"""The JSON of a benchmark: what it found out, with every raw value.

`write_json` and `read_json` are the two ends. A result of another tool or of a peer has the same
form: one `BenchmarkResult` whose rows have `peer` true and leave empty what was not measured.
Times are whole nanoseconds, in the order measured, warm-ups apart. Fields that may be None or empty
mean "not measured"; nothing is filled in.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk._internal.extras import require
from fer_sdk._internal.files import write_beside
from fer_sdk.errors import InputError
from fer_sdk.evaluation.metrics import Scores

SCHEMA: Final = 2


@dataclass(frozen=True, slots=True)
class Latency:
    """Time of one model for one face, pixels in, logits out.

    Attributes:
        warmup_ns: First answers, not part of any figure.
        rounds_ns: One tuple a round; in each round every model of the run had its turn.
        on_processor: For each round, the process's time on a processor over the time that passed:
            below 1 another program had its turn too; empty where it was not measured, as on a GPU.
    """

    warmup_ns: tuple[int, ...]
    rounds_ns: tuple[tuple[int, ...], ...]
    on_processor: tuple[float, ...] = ()

    @property
    def all_ms(self) -> NDArray[np.float64]:
        """Every time of every round, in milliseconds."""
        return np.concatenate([np.asarray(turn, np.float64) for turn in self.rounds_ns]) / 1e6

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile over all rounds, in milliseconds."""
        return float(np.percentile(self.all_ms, percent))

    def by_round_ms(self, percent: float) -> NDArray[np.float64]:
        """Return a percentile of each round, in milliseconds, (rounds,)."""
        return np.array([np.percentile(turn, percent) for turn in self.rounds_ns]) / 1e6


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model ran, proven and not only asked for.

    Attributes:
        delegate: As asked: "cpu", "gpu", ...; a peer's framework.
        runtime: Library, its version and the kernels or provider it used.
        adapter: The GPU in the driver's words; None on the CPU.
        software: Whether that GPU is a program on the CPU: its times say nothing about a GPU.
        delegated_ops: Operators that the delegate took; None where the runtime does not tell.
        ops: Operators in all.
    """

    delegate: str
    runtime: str
    adapter: str | None = None
    software: bool = False
    delegated_ops: int | None = None
    ops: int | None = None


@dataclass(frozen=True, slots=True)
class Parity:
    """How a delegate's answers differ from the CPU's on the same faces.

    Attributes:
        faces: Number of faces.
        largest_difference: Of a logit, in units of the logits' own spread (standard deviation).
        agreement: Share of faces with the same label, 0 to 1.
        cpu_accuracy: Of the CPU on the faces that the delegate was scored on, 0 to 1; None where
            the faces have no labels.
    """

    faces: int
    largest_difference: float
    agreement: float
    cpu_accuracy: float | None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Faces whose confidence falls into one of 15 equal bins.

    Attributes:
        faces: Number of faces.
        confidence: Their mean confidence, 0 to 1.
        accuracy: Share that is right, 0 to 1.
    """

    faces: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Scores by one protocol.

    Attributes:
        protocol: "PublicTest", "PublicTest, FER+ majority, 7-class", a folder's name.
        available: Faces that the protocol has; more than `all.n` where a sample was scored.
        all: Scores on every face that was scored.
        clean: Without the faces that have an exact copy in Training; None outside FER2013.
        reliability: Bins of `clean`, else of `all`.
    """

    protocol: str
    available: int
    all: Scores
    deduplicated: Scores | None
    reliability: tuple[ReliabilityBin, ...]

    @property
    def headline(self) -> Scores:
        """The scores to trust: the clean ones where there are any."""
        return self.all if self.deduplicated is None else self.deduplicated


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """From nothing to the first answer, one value a fresh process.

    Attributes:
        import_s: Importing the package, in seconds.
        load_s: Loading the model.
        answer_s: The first answer.
        total_s: From starting the process to its end.
        bare_mb: Peak memory of a process that does nothing, in MiB (VmHWM).
        imported_mb: Peak memory after the import.
        peak_mb: Peak memory after the first answer.
    """

    import_s: tuple[float, ...]
    load_s: tuple[float, ...]
    answer_s: tuple[float, ...]
    total_s: tuple[float, ...]
    bare_mb: tuple[float, ...]
    imported_mb: tuple[float, ...]
    peak_mb: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Throughput:
    """Images a second for one batch size and number of threads; one value a repetition."""

    batch: int
    threads: int
    images_per_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """Time of one operator, mean over the profiled answers.

    Attributes:
        name: As the runtime names it.
        kind: Such as "Convolution (NHWC, QC8)" or "Conv".
        microseconds: For one face.
    """

    name: str
    kind: str
    microseconds: float


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a sustained run.

    Attributes:
        at_s: Its end, in seconds from the run's beginning.
        faces: Faces classified in it.
        p50_ms: Median time of a face.
    """

    at_s: float
    faces: int
    p50_ms: float


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """From a file to expressions, each stage apart; one value a photo or frame.

    Attributes:
        source: Name of the photo or video.
        image_wh: Width and height of the photo or frame, in pixels.
        detection_wh: Size at which faces were searched; None where a peer does not tell.
        faces: Faces found in all.
        stages_ns: Times by stage, in order: "decode", "detect", "crop", "classify"; a peer that
            cannot be taken apart has "whole".
    """

    source: str
    image_wh: tuple[int, int]
    detection_wh: tuple[int, int] | None
    faces: int
    stages_ns: dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One row.

    Attributes:
        name: File name, or the peer's package and version.
        peer: Whether it is another project's, drawn in grey.
        precision: As its sidecar states.
        size_bytes: Of the file; of a peer, of all its model files.
        place: Where it ran.
        sha256: Of the file.
        parameters: Numbers in weights and biases.
        multiply_accumulates: For one face.
        parity: Difference from the CPU's answers; None on the CPU.
        accuracy: By protocol; empty without labelled faces.
        latency: One face a call.
        submission: On a GPU: handing the work over alone, without reading the answer back.
        first_answer: Cold start and memory.
        throughput: By batch and threads.
        operators: In order of execution.
        sustained: Second by second, where a sustained run was asked for.
        end_to_end: By source and detection size.
        notes: Plain lines to be shown under the row.
    """

    name: str
    peer: bool
    precision: str
    size_bytes: int
    place: Place
    sha256: str | None = None
    parameters: int | None = None
    multiply_accumulates: int | None = None
    parity: Parity | None = None
    accuracy: tuple[Accuracy, ...] = ()
    latency: Latency | None = None
    submission: Latency | None = None
    first_answer: FirstAnswer | None = None
    throughput: tuple[Throughput, ...] = ()
    operators: tuple[Operator, ...] = ()
    sustained: tuple[Window, ...] = ()
    end_to_end: tuple[EndToEnd, ...] = ()
    notes: tuple[str, ...] = ()


def main_protocol(rows: Sequence[ModelResult]) -> str:
    """Return what most rows are scored by first: only such accuracies compare; "" without any."""
    first = Counter(row.accuracy[0].protocol for row in rows if row.accuracy)
    return first.most_common(1)[0][0] if first else ""


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """All rows of one run, measured in turns on one machine.

    Attributes:
        schema: `SCHEMA`.
        created: Time of the run, UTC, ISO 8601.
        mode: "quick", "normal" or "full"; a peer's script names itself.
        environment: As `fer_sdk._internal.environment.describe_environment` gives it.
        load_average: Of the machine just before the run, over a minute; None where unknown.
        faces: What was timed and scored, in words.
        data: Fingerprint of the labelled faces; None without.
        delegate: As asked.
        threads: CPU threads.
        models: The rows.
        refused: Models that the delegate does not take, and what it says.
    """

    schema: int
    created: str
    mode: str
    environment: dict[str, str]
    load_average: float | None
    faces: str
    data: str | None
    delegate: str
    threads: int
    models: tuple[ModelResult, ...]
    refused: dict[str, str] = field(default_factory=dict)


def write_json(result: BenchmarkResult, path: Path) -> None:
    """Write a result with its raw values."""
    text = "".join(_lines(asdict(result)))
    with write_beside(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> BenchmarkResult:
    """Read and check a result.

    Raises:
        InputError: If the file is missing, no result, or of another schema.
        MissingDependencyError: If the extra `bench` is not installed.
    """
    require("bench", "reading results", "msgspec")
    import msgspec

    try:
        text = path.read_bytes()
        found = msgspec.json.decode(text)
        schema = found.get("schema") if isinstance(found, dict) else None
        if schema != SCHEMA:
            raise InputError(
                f"{path} must be a result of fer-bench with schema {SCHEMA}, "
                f"but has {schema}: measure it again with this version"
            )
        return msgspec.json.decode(text, type=BenchmarkResult)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise InputError(f"{path} is no result of fer-bench: {error}") from error


def _lines(value: Any, depth: int = 1) -> Iterable[str]:
    """Yield JSON with objects indented and lists of numbers on one line."""
    pad, end = "\n" + " " * depth, "\n" + " " * (depth - 1)
    if isinstance(value, dict) and value:
        for number, (name, item) in enumerate(value.items()):
            yield f"{',' if number else '{'}{pad}{json.dumps(name)}: "
            yield from _lines(item, depth + 1)
        yield end + "}"
    elif isinstance(value, list | tuple) and value and isinstance(value[0], dict | list | tuple):
        for number, item in enumerate(value):
            yield f"{',' if number else '['}{pad}"
            yield from _lines(item, depth + 1)
        yield end + "]"
    else:
        yield json.dumps(value, allow_nan=False, separators=(",", ":"))
