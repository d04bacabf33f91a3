"""Results of a benchmark as dataclasses: the schema of fer-bench's JSON files.

Other packages are recorded in the same form, as rows with `peer` set. Times are integer nanoseconds
in the order of measurement, warm-up runs in a field of their own. A field that is None or empty was
not measured. `fer_bench.results.storage` reads and writes the files.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fer_sdk.evaluation.metrics import Scores

SCHEMA: Final = 3


@dataclass(frozen=True, slots=True)
class Latency:
    """Inference times of one model on single faces, pixels in, logits out.

    Attributes:
        warmup_ns: Warm-up inferences, excluded from all statistics.
        rounds_ns: One tuple of times per round. The models of a run are interleaved: each round
            times every model once, one after the other.
        cpu_share: Per round, the process's CPU time divided by the elapsed time. A value below 1
            means that other programs used the CPU. Empty where it was not measured, as on a GPU.
    """

    warmup_ns: tuple[int, ...]
    rounds_ns: tuple[tuple[int, ...], ...]
    cpu_share: tuple[float, ...] = ()

    @property
    def all_ms(self) -> NDArray[np.float64]:
        """All times of all rounds, float64 (inferences,), in milliseconds."""
        return np.concatenate([np.asarray(times, np.float64) for times in self.rounds_ns]) / 1e6

    def percentile_ms(self, percent: float) -> float:
        """Return a percentile over all rounds, in milliseconds."""
        return float(np.percentile(self.all_ms, percent))

    def by_round_ms(self, percent: float) -> NDArray[np.float64]:
        """Return a percentile of each round, float64 (rounds,), in milliseconds."""
        return np.array([np.percentile(times, percent) for times in self.rounds_ns]) / 1e6


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a model ran, as reported by its runtime.

    Attributes:
        delegate: The requested delegate: "cpu", "gpu", ...; "cpu" for other packages.
        runtime: Library, its version and the kernels or execution provider in use.
        adapter: Name of the GPU as the driver reports it; None on the CPU.
        software: Whether that adapter is a software renderer, whose times do not predict a GPU's.
        delegated_ops: Number of operators that the delegate runs; None where unknown.
        ops: Total number of operators; None where unknown.
    """

    delegate: str
    runtime: str
    adapter: str | None = None
    software: bool = False
    delegated_ops: int | None = None
    ops: int | None = None


@dataclass(frozen=True, slots=True)
class Parity:
    """Difference between a delegate's predictions and the CPU's on the same faces.

    Attributes:
        faces: Number of faces.
        largest_difference: Largest absolute difference of a logit, divided by the standard
            deviation of the CPU's logits.
        agreement: Fraction of faces with the same label, 0 to 1.
        cpu_accuracy: Accuracy on the CPU over the same faces, 0 to 1; None without labels.
    """

    faces: int
    largest_difference: float
    agreement: float
    cpu_accuracy: float | None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Faces whose confidence falls into one of 15 equal-width bins.

    Attributes:
        faces: Number of faces.
        confidence: Mean confidence, 0 to 1.
        accuracy: Fraction of correct predictions, 0 to 1.
    """

    faces: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Scores by one evaluation protocol.

    Attributes:
        protocol: "PublicTest", "PublicTest, FER+ majority, 7-class", or the name of a folder.
        available: Number of faces of the protocol; larger than `all.n` if a sample was scored.
        all: Scores on all faces that were scored.
        deduplicated: Scores without the faces that have an exact copy in Training; None outside
            FER2013.
        reliability: Bins of `deduplicated`, or of `all` where that is None.
    """

    protocol: str
    available: int
    all: Scores
    deduplicated: Scores | None
    reliability: tuple[ReliabilityBin, ...]

    @property
    def headline(self) -> Scores:
        """The deduplicated scores if there are any, else all."""
        return self.all if self.deduplicated is None else self.deduplicated


@dataclass(frozen=True, slots=True)
class Startup:
    """Time and memory up to the first prediction; one value per fresh process.

    Attributes:
        import_s: Import of the package, in seconds.
        load_s: Loading of the model, in seconds.
        inference_s: First prediction, in seconds.
        total_s: From the start of the process to its end, in seconds.
        bare_mb: Peak memory before the import, in MiB (VmHWM).
        imported_mb: Peak memory after the import, in MiB.
        peak_mb: Peak memory after the first prediction, in MiB.
    """

    import_s: tuple[float, ...]
    load_s: tuple[float, ...]
    inference_s: tuple[float, ...]
    total_s: tuple[float, ...]
    bare_mb: tuple[float, ...]
    imported_mb: tuple[float, ...]
    peak_mb: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Throughput:
    """Images per second for one batch size and thread count; one value per repetition."""

    batch: int
    threads: int
    images_per_s: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """Mean time of one operator over the profiled inferences.

    Attributes:
        name: Name given by the runtime.
        kind: Operator type, such as "Convolution (NHWC, QC8)" or "Conv".
        microseconds: Time per face.
    """

    name: str
    kind: str
    microseconds: float


@dataclass(frozen=True, slots=True)
class Window:
    """One time window of a sustained run.

    Attributes:
        end_s: End of the window, in seconds since the start of the run.
        faces: Number of faces classified in the window.
        p50_ms: Median time per face.
    """

    end_s: float
    faces: int
    p50_ms: float


@dataclass(frozen=True, slots=True)
class PipelineTimes:
    """Times from image file to labels, by stage; one value per photo or frame.

    Attributes:
        source: File name of the photo or video.
        image_wh: Width and height of the photo or frame, in pixels.
        detection_wh: Image size given to the face detector; None where a package chooses it.
        faces: Total number of detected faces.
        stages_ns: Times by stage, in order: "decode", "detect", "crop", "classify". Other packages
            are timed as one call, as the single stage "total".
    """

    source: str
    image_wh: tuple[int, int]
    detection_wh: tuple[int, int] | None
    faces: int
    stages_ns: dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ModelResult:
    """Results of one model.

    Attributes:
        name: File name; of another package, its name and version.
        peer: Whether the model belongs to another package.
        precision: Precision stated by the sidecar.
        size_bytes: Size of the file; of another package, the total of its model files.
        backend: Where the model ran.
        sha256: Hash of the file.
        parameters: Number of weights and biases.
        multiply_accumulates: Multiply-accumulate operations per face.
        parity: Difference from the CPU's predictions; None on the CPU.
        accuracy: Scores by protocol; empty without labelled faces.
        latency: Times of single faces.
        submission: On a GPU, times of submitting the work without waiting for the result.
        startup: Cold start and memory.
        throughput: Images per second by batch size and threads.
        operators: Operators in order of execution.
        sustained: Windows of one second of a sustained run.
        pipeline: Times by source and detection size.
        notes: Remarks shown with the model.
    """

    name: str
    peer: bool
    precision: str
    size_bytes: int
    backend: Backend
    sha256: str | None = None
    parameters: int | None = None
    multiply_accumulates: int | None = None
    parity: Parity | None = None
    accuracy: tuple[Accuracy, ...] = ()
    latency: Latency | None = None
    submission: Latency | None = None
    startup: Startup | None = None
    throughput: tuple[Throughput, ...] = ()
    operators: tuple[Operator, ...] = ()
    sustained: tuple[Window, ...] = ()
    pipeline: tuple[PipelineTimes, ...] = ()
    notes: tuple[str, ...] = ()


def common_protocol(rows: Sequence[ModelResult]) -> str:
    """Return the protocol that is first in most rows; "" if no row has an accuracy.

    Accuracies by different protocols are not comparable.
    """
    first = Counter(row.accuracy[0].protocol for row in rows if row.accuracy)
    return first.most_common(1)[0][0] if first else ""


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """Results of all models of one run on one machine.

    Attributes:
        schema: `SCHEMA`.
        created: Start of the run, UTC, ISO 8601.
        mode: "quick", "normal", "full", or "peers" for the comparison with other packages.
        environment: As returned by `fer_sdk._internal.environment.describe_environment`.
        load_average: One-minute load average just before the run; None where unknown.
        dataset: Description of the faces that were timed and scored.
        fingerprint: Hash of the labelled faces; None without labels.
        delegate: The requested delegate.
        threads: Number of CPU threads.
        models: One row per model.
        refused: Error message of each model that the delegate does not support, by file name.
    """

    schema: int
    created: str
    mode: str
    environment: dict[str, str]
    load_average: float | None
    dataset: str
    fingerprint: str | None
    delegate: str
    threads: int
    models: tuple[ModelResult, ...]
    refused: dict[str, str] = field(default_factory=dict)
