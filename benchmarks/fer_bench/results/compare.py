"""Comparison of two results from the same environment, and limits for CI."""

from dataclasses import dataclass
from typing import ClassVar, Final

from fer_bench.results.schema import BenchmarkResult, ModelResult
from fer_bench.results.statistics import STABLE_WITHIN, ratio, warnings
from fer_sdk.errors import FerError, InputError

IGNORED: Final = ("fer-sdk", "tensorflow", "keras", "opencv-python")
"""Packages that do not affect inference times."""
MACHINE: Final = ("processor", "cores", "machine")
"""Environment entries that must agree before two results are shown in one picture."""


class ThresholdError(FerError):
    """A measured value exceeds a limit set on the command line."""

    exit_code: ClassVar[int] = 4


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of one model between two results.

    Attributes:
        name: File name.
        same_file: Whether the model files have the same hash.
        p50_ratio: Second divided by first: ratio, lower and upper bound of its 95 % interval.
        p90_ratio: The same for p90.
        accuracy: Headline accuracies, 0 to 1; None if either is missing.
        verdict: "faster", "slower", "inconclusive" or "inconclusive (unstable)".
    """

    name: str
    same_file: bool
    p50_ratio: tuple[float, float, float]
    p90_ratio: tuple[float, float, float]
    accuracy: tuple[float, float] | None
    verdict: str


def compare(first: BenchmarkResult, second: BenchmarkResult) -> tuple[Comparison, ...]:
    """Compare the models that occur in both results, by name.

    Raises:
        InputError: If the environments differ or no model is in both.
    """
    _require_same_environment(first, second)
    before = {row.name: row for row in first.models if row.latency is not None}
    pairs = [(before[row.name], row) for row in second.models
             if row.latency is not None and row.name in before]  # fmt: skip
    if not pairs:
        raise InputError(
            f"no model is in both results: {', '.join(before)} and "
            f"{', '.join(row.name for row in second.models)}"
        )
    return tuple(_compare(one, other) for one, other in pairs)


def require_same_machine(result: BenchmarkResult, here: dict[str, str]) -> None:
    """Refuse a result that was measured on another machine.

    Args:
        result: Earlier result, such as that of the other packages.
        here: Environment of this machine, as returned by
            `fer_sdk._internal.environment.describe_environment`.

    Raises:
        InputError: If processor, cores or architecture differ.
    """
    for name in MACHINE:
        if result.environment.get(name) != here[name]:
            raise InputError(
                f"the other packages were measured with {name} {result.environment.get(name)}, but "
                f"here it is {here[name]}: measure them on this machine"
            )


def describe(comparisons: tuple[Comparison, ...]) -> str:
    """Return the comparisons as text, one or two lines per model."""
    lines = []
    for found in comparisons:
        (p50, low, high), (p90, low90, high90) = found.p50_ratio, found.p90_ratio
        lines.append(
            f"{found.name}: {found.verdict}; p50 {p50:.3f} times ({low:.3f} - {high:.3f}), "
            f"p90 {p90:.3f} times ({low90:.3f} - {high90:.3f})"
            + ("" if found.same_file else "; the file changed")
        )
        if found.accuracy is not None:
            one, other = (100 * value for value in found.accuracy)
            lines.append(f"  accuracy {one:.2f} % to {other:.2f} %, {other - one:+.2f} points")
    return "\n".join(lines)


def check_accuracy(rows: tuple[ModelResult, ...], minimum: float) -> None:
    """Check every model against a minimum accuracy, in percent.

    Raises:
        InputError: If a model has no accuracy.
        ThresholdError: If a model is below, naming the first.
    """
    for row in rows:
        if not row.accuracy:
            raise InputError(f"{row.name} was not scored on labelled faces: --min-accuracy needs "
                             "--data or --faces")  # fmt: skip
        own = row.accuracy[0]
        if 100 * own.headline.accuracy < minimum:
            raise ThresholdError(
                f"{row.name} has {100 * own.headline.accuracy:.2f} % on {own.protocol}, "
                f"but --min-accuracy is {minimum:g}"
            )


def check_p90(comparisons: tuple[Comparison, ...], limit: float) -> None:
    """Check every model against a maximum ratio of p90 times.

    Raises:
        ThresholdError: If a model exceeds it, naming the first.
    """
    for found in comparisons:
        if found.p90_ratio[0] > limit:
            ratio_, low, high = found.p90_ratio
            raise ThresholdError(
                f"{found.name}'s p90 is {ratio_:.3f} times the first result's "
                f"({low:.3f} - {high:.3f}), "
                f"but --max-p90-ratio is {limit:g}"
            )


def _require_same_environment(first: BenchmarkResult, second: BenchmarkResult) -> None:
    def environment(result: BenchmarkResult) -> dict[str, object]:
        kept = {k: v for k, v in result.environment.items() if k not in IGNORED}
        adapters = sorted({row.backend.adapter or "CPU" for row in result.models})
        return {**kept, "delegate": result.delegate, "threads": result.threads,
                "dataset": result.fingerprint, "adapter": adapters}  # fmt: skip

    one, other = environment(first), environment(second)
    for name in (*one, *(other.keys() - one.keys())):
        if one.get(name) != other.get(name):
            raise InputError(
                f"only results from the same environment can be compared, but {name} is "
                f"{one.get(name)} in the first and {other.get(name)} in the second"
            )


def _compare(first: ModelResult, second: ModelResult) -> Comparison:
    assert first.latency is not None  # `compare` selects rows with times
    assert second.latency is not None
    p50 = ratio(first.latency, second.latency, 50, paired=False)
    if warnings(first.latency) or warnings(second.latency):
        verdict = "inconclusive (unstable)"
    elif p50[2] < 1 - STABLE_WITHIN:
        verdict = "faster"
    elif p50[1] > 1 + STABLE_WITHIN:
        verdict = "slower"
    else:
        verdict = "inconclusive"
    accuracies = [row.accuracy[0].headline.accuracy for row in (first, second) if row.accuracy]
    return Comparison(
        name=second.name,
        same_file=first.sha256 == second.sha256,
        p50_ratio=p50,
        p90_ratio=ratio(first.latency, second.latency, 90, paired=False),
        accuracy=(accuracies[0], accuracies[1]) if len(accuracies) == 2 else None,
        verdict=verdict,
    )
